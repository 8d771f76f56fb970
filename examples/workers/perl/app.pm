# What this worker answers: put yours into handle. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
package app;
use strict;
use warnings;
use feature 'say';
use experimental 'builtin';
use builtin 'created_as_string';
use Encode qw(decode encode);
use JSON qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(sleep time);

my %text = ('content-type' => 'text/plain; charset=utf-8');

# A handler dies with { status, message } to refuse a request: the client sees the status, the message is for the log of the front.
sub handle {
    my ($method, $target, $headers, $body) = @_;
    my ($path, $query) = split /\?/, $target, 2;
    my %param = map { decode('UTF-8', unescape($_)) } map { (split(/=/, $_, 2), '')[0, 1] } split /&/, $query // '';
    my %route = (
        'GET /'     => sub { [200, \%text, "Hello from Perl\n"] },
        'GET /json' => sub {
            [200, { 'content-type' => 'application/json' }, encode_json({ method => $method, name => $param{name} })];
        },
        'POST /echo'   => sub { [200, { 'content-type' => $headers->{'content-type'} // 'application/octet-stream' }, $body] },
        'GET /cookies' => sub { [200, { %text, 'set-cookie' => ['a=1; Path=/', 'b=2; Path=/'] }, "two cookies\n"] },
        'GET /error'   => sub { die { status => 409, message => 'out of stock' } },
        'GET /slow'    => sub { pause($param{ms} / 1000); [200, \%text, 'slow'] },
    );
    $route{'HEAD /'} = $route{'GET /'};
    my $handler = $route{"$method $path"} // return [404, \%text, "not found\n"];
    return $handler->();
}

sub unescape {
    my ($text) = @_;
    return $text =~ tr/+/ /r =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;
}

# A signal ends a sleep.
sub pause {
    my $until = time + shift;
    while ((my $left = $until - time) > 0) { sleep $left }
    return;
}

# The mailbox that waits for a reply to this job, and the reply. Nothing where nobody waits, or this is no job.
sub run {
    my ($raw) = @_;
    my $job = eval { decode_json($raw) };
    my ($action, $args, $mailbox, $id) = ref $job eq 'ARRAY' && @$job == 4 ? @$job : ();
    # No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
    my $addressed = !defined $mailbox || created_as_string($mailbox) && $mailbox =~ /^[^{]/;
    if (!created_as_string($action) || ref $args ne 'ARRAY' || !$addressed || !defined $id || ref $id) {
        warn 'not a job: ', substr($raw, 0, 100), "\n";
        return;
    }
    my ($verb, $what) = eval { reply($action, $args) };
    ($verb, $what) = (fail => ref $@ eq 'HASH' ? $@ : { message => "$@" }) if $@;
    return defined $mailbox ? (encode('UTF-8', $mailbox), encode_json([$verb, "$id", $what])) : ();
}

sub reply {
    my ($action, $args) = @_;
    die { code => 'NO_HANDLER', message => "no handler for $action" } if $action ne 'url';
    my $request = $args->[0];
    my ($status, $headers, $body) = @{ handle(@$request{qw(method url headers)}, from_json($request->{body})) };
    return (answer => [$status, $headers, to_json($body)]);
}

# Bytes are text in JSON, or else base64 (P-20).
sub from_json {
    my ($body) = @_;
    return ref $body ? decode_base64($body->{base64}) : encode('UTF-8', $body // '');
}

sub to_json {
    my ($body) = @_;
    my $text = eval { decode('UTF-8', $body, Encode::FB_CROAK | Encode::LEAVE_SRC) };
    return $text // { base64 => encode_base64($body, '') };
}

1;
