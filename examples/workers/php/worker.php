<?php
// Pops jobs and answers them, at most once: the job in its hand dies with it. Needs phpredis, nothing of Tempest.
declare(strict_types=1);

require __DIR__ . '/app.php';
require_once __DIR__ . '/store.php';

$lists = [sprintf('{%s}:high', QUEUE), QUEUE, sprintf('{%s}:low', QUEUE)];

echo 'worker.php works for ', QUEUE, "\n";
while (true) {
    try {
        $redis ??= connect();
        [, $raw] = $redis->blPop($lists, 3) ?: [null, null];
        [$mailbox, $entry] = $raw === null ? null : run($raw);
        if ($mailbox !== null && $redis->rPush($mailbox, $entry) === 1) {
            $redis->expire($mailbox, 21600); // a new list: its reader may be gone for good (P-47)
        }
    } catch (RedisException $error) {
        echo $error->getMessage(), "\n";
        $redis = null;
        usleep(500_000);
    }
}
