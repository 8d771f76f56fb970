#!/usr/bin/perl
# Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs Redis.pm, nothing of Tempest.
use strict;
use warnings;
use FindBin '$Bin';
use lib $Bin;
use Time::HiRes 'sleep';
use app;
use presence;
use store;

my $held = "{$store::queue}:held:$presence::boot";
my $stopping;

sub finish {
    my ($redis, $raw) = @_;
    my ($mailbox, $entry) = app::run($raw);
    my @reply = defined $mailbox ? ([rpush => $mailbox, $entry], [expire => $mailbox, 21600]) : ();
    return store::together($redis, @reply, [lrem => $held, 1, $raw]);
}

sub work {
    my $redis = store::connect();
    presence::beat($redis);    # before it pops: what it holds must be found
    while (1) {
        my $raw = $redis->lindex($held, 0);    # what stands here is its own, and nothing else (P-72)
        if    (defined $raw) { finish($redis, $raw) }
        elsif (!$stopping)   { $redis->blmove($store::queue, $held, 'LEFT', 'RIGHT', 2) }
        else                 { return presence::leave($redis) }
    }
}

presence::start();
$SIG{INT} = $SIG{TERM} = sub { $stopping = 1 };
$| = 1;
print "safe.pl works for $store::queue\n";
until ($stopping) {
    eval { work(); 1 } or do { print $@; sleep 0.5 };
}
