<?php
// The way to Redis, as the environment gives it.
declare(strict_types=1);

// redis://[[user]:password@]host[:port][/db]
const FORM = '~^redis://(?:((?:[^%:@/]|%[\da-fA-F]{2})*):((?:[^%@/]|%[\da-fA-F]{2})*)@)?'
    . '([\w.-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?(?:/(\d{0,5}))?$~D';

define('QUEUE', getenv('TEMPEST_QUEUES') ?: 'tempest');
str_contains(QUEUE, ',') && refuse('TEMPEST_QUEUES: this worker serves one queue, and takes no comma');
preg_match(FORM, getenv('TEMPEST_REDIS_URL') ?: 'redis://localhost', $url) && (int) ($url[4] ?? 0) < 65536
    || refuse('TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]');
define('URL', $url + array_fill(0, 6, ''));

function refuse(string $why): never
{
    fwrite(STDERR, "$why\n");
    exit(1);
}

// Nothing on it waits for more than 5 s.
function connect(): Redis
{
    [, $user, $password, $host, $port, $db] = URL;
    $redis = new Redis();
    $redis->connect(trim($host, '[]'), (int) ($port ?: 6379), 5, null, 0, 5);
    $password === '' || $redis->auth(array_map('rawurldecode', $user === '' ? [$password] : [$user, $password]));
    $redis->select((int) $db);
    return $redis;
}
