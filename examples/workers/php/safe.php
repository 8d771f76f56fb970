<?php
// Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs phpredis and pcntl, nothing of Tempest.
declare(strict_types=1);

require __DIR__ . '/app.php';
require __DIR__ . '/presence.php';

define('HELD', sprintf('{%s}:held:%s', QUEUE, BOOT));

// Returns when it was told to stop, and holds nothing.
function work(Redis $redis, bool &$stopping): void
{
    beat($redis); // before it pops: what it holds must be found
    while (true) {
        $raw = $redis->lIndex(HELD, 0); // what stands here is its own, and nothing else (P-72)
        if ($raw !== false) {
            [$mailbox, $entry] = run($raw);
            $redis->multi();
            $mailbox === null || $redis->rPush($mailbox, $entry)->expire($mailbox, 21600);
            $redis->lRem(HELD, $raw, 1)->exec();
        } elseif (!$stopping) {
            $redis->rawCommand('BLMOVE', QUEUE, HELD, 'LEFT', 'RIGHT', 2);
        } else {
            return;
        }
    }
}

$stopping = false;
$beats = start_beats();
pcntl_async_signals(true);
foreach ([SIGINT, SIGTERM] as $signal) {
    pcntl_signal($signal, function () use (&$stopping): void { $stopping = true; });
}
echo 'safe.php works for ', QUEUE, "\n";
while (!$stopping) {
    try {
        work($redis = connect(), $stopping);
        leave($redis, $beats);
    } catch (RedisException $error) {
        echo $error->getMessage(), "\n";
        usleep(500_000);
    }
}
