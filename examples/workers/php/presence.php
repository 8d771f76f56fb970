<?php
// Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
declare(strict_types=1);

require_once __DIR__ . '/store.php';

define('BOOT', bin2hex(random_bytes(8)));
define('WORKERS', sprintf('{%s}:workers', QUEUE));
define('RECORD', json_encode(['role' => 'worker', 'queues' => [QUEUE], 'pid' => getmypid(), 'patience' => 2500]));

function beat(Redis $redis): void
{
    $now = $redis->time()[0] * 1000;
    $redis->multi()->hSet('tempest:nodes', BOOT, RECORD)->hIncrBy('tempest:beats', BOOT, 1)->zAdd(WORKERS, $now, BOOT)->exec();
}

// In a process of its own, since a handler that computes for long must not look dead; and only as long as this one lives.
function start_beats(): int
{
    $parent = getmypid();
    if (($pid = pcntl_fork()) !== 0) {
        return $pid;
    }
    pcntl_signal(SIGINT, SIG_IGN); // Ctrl-C is for the whole group
    pcntl_signal(SIGTERM, SIG_IGN);
    for ($redis = null; posix_getppid() === $parent; usleep(500_000)) {
        try {
            beat($redis ??= connect());
        } catch (RedisException) {
            $redis = null; // who works hears of it as well
        }
    }
    exit;
}

function leave(Redis $redis, int $beats): void
{
    posix_kill($beats, SIGKILL);
    pcntl_waitpid($beats, $status);
    $redis->multi()->hDel('tempest:nodes', BOOT)->hDel('tempest:beats', BOOT)->zRem(WORKERS, BOOT)->exec();
}
