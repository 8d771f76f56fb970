# What starman serves beside the worker in Perl: the same answer, with as many headers as a front sends.
use strict;
use warnings;

my $body = "Hello from Perl\n";

sub {
    my @headers = (
        'content-type'   => 'text/plain; charset=utf-8',
        'x-request-id'   => '0123456789abcdef-123456-0123456789abcdef',
        'content-length' => length $body,
    );
    return [200, \@headers, [$body]];
};
