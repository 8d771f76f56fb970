# Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
package presence;
use strict;
use warnings;
use JSON 'encode_json';
use Time::HiRes 'sleep';
use store;

open my $random, '<:raw', '/dev/urandom' or die "no random bytes: $!\n";
read $random, my $bytes, 8;
our $boot = unpack 'H16', $bytes;

my $workers = "{$store::queue}:workers";
my $record = encode_json({ role => 'worker', queues => [$store::queue], pid => $$, patience => 2500 });
my $beats;

sub beat {
    my ($redis) = @_;
    my ($seconds) = $redis->time;
    return store::together($redis, [hset => 'tempest:nodes', $boot, $record],
        [hincrby => 'tempest:beats', $boot, 1], [zadd => $workers, $seconds * 1000, $boot]);
}

# In a process of its own, since a handler that computes for long must not look dead; and only as long as this one lives.
sub start {
    my $parent = $$;
    $beats = fork // die "no process for the beats: $!\n";
    return if $beats;
    $SIG{INT} = $SIG{TERM} = 'IGNORE';    # Ctrl-C is for the whole group
    my $redis;
    while (getppid == $parent) {
        eval { beat($redis //= store::connect()); 1 } or undef $redis;    # who works hears of it as well
        sleep 0.5;
    }
    exit;
}

sub leave {
    my ($redis) = @_;
    kill KILL => $beats;
    waitpid $beats, 0;
    return store::together($redis, [hdel => 'tempest:nodes', $boot], [hdel => 'tempest:beats', $boot], [zrem => $workers, $boot]);
}

1;
