#!/usr/bin/perl
# Pops jobs and answers them, at most once: the job in its hand dies with it. Needs Redis.pm, nothing of Tempest.
use strict;
use warnings;
use FindBin '$Bin';
use lib $Bin;
use Time::HiRes 'sleep';
use app;
use store;

my $queue = $store::queue;

sub work {
    my $redis = store::connect();
    while (1) {
        my (undef, $raw) = $redis->blpop("{$queue}:high", $queue, "{$queue}:low", 3);
        my ($mailbox, $entry) = defined $raw ? app::run($raw) : ();
        next unless defined $mailbox;
        # A new list: its reader may be gone for good (P-47).
        $redis->expire($mailbox, 21600) if $redis->rpush($mailbox, $entry) == 1;
    }
}

$| = 1;
print "worker.pl works for $queue\n";
while (1) {
    eval { work() };
    print $@;
    sleep 0.5;
}
