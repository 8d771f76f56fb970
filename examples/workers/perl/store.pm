# The way to Redis, as the environment gives it.
package store;
use strict;
use warnings;
use IO::Socket::IP;
use Redis;

my $hex = qr/%[\da-fA-F]{2}/;
my $form = 'redis://[[user]:password@]host[:port][/db]';

our $queue = $ENV{TEMPEST_QUEUES} || 'tempest';
refuse('TEMPEST_QUEUES: this worker serves one queue, and takes no comma') if $queue =~ /,/;
my ($user, $password, $host, $port, $db) = ($ENV{TEMPEST_REDIS_URL} || 'redis://localhost') =~
    m{^redis://(?:((?:[^%:@/]|$hex)*):((?:[^%@/]|$hex)*)@)?([\w.-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?(?:/(\d{0,5}))?\z}
    or refuse("TEMPEST_REDIS_URL: it is not of the form $form");
refuse("TEMPEST_REDIS_URL: it is not of the form $form") if ($port // 0) > 65535;
my %auth = (username => $user, password => $password);
for my $part (keys %auth) {
    if (length $auth{$part}) { $auth{$part} =~ s/%(..)/chr hex $1/ge }
    else                     { delete $auth{$part} }
}

sub refuse {
    print STDERR @_, "\n";
    exit 1;
}

# Nothing on it waits for more than 5 s.
sub connect {
    no warnings 'redefine';
    local *IO::Socket::INET::new = sub { shift; IO::Socket::IP->new(@_) };    # Redis.pm itself knows no IPv6
    my $redis = Redis->new(server => "$host:" . ($port // 6379), %auth, cnx_timeout => 5, read_timeout => 5);
    $redis->select($db || 0);
    return $redis;
}

# All of the commands or none, each a list of its name and arguments.
sub together {
    my ($redis, @commands) = @_;
    $redis->multi;
    for (@commands) {
        my ($name, @args) = @$_;
        $redis->$name(@args);
    }
    return $redis->exec;
}

1;
