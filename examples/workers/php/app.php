<?php
// What this worker answers: put yours into handle(). The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
declare(strict_types=1);

const TEXT = ['content-type' => 'text/plain; charset=utf-8'];

// Thrown to refuse a request: the client sees the status, the message is for the log of the front.
final class Failure extends RuntimeException
{
    public function __construct(public readonly int $status, string $message)
    {
        parent::__construct($message);
    }
}

function handle(string $method, string $target, array $headers, string $body): array
{
    [$path, $query] = explode('?', $target, 2) + [1 => ''];
    parse_str($query, $params);
    switch ("$method $path") {
        case 'GET /':
        case 'HEAD /':
            return [200, TEXT, "Hello from PHP\n"];
        case 'GET /json':
            $answer = ['method' => $method, 'name' => $params['name'] ?? null];
            return [200, ['content-type' => 'application/json'], json_encode($answer, JSON_THROW_ON_ERROR)];
        case 'POST /echo':
            return [200, ['content-type' => $headers['content-type'] ?? 'application/octet-stream'], $body];
        case 'GET /cookies':
            return [200, TEXT + ['set-cookie' => ['a=1; Path=/', 'b=2; Path=/']], "two cookies\n"];
        case 'GET /error':
            throw new Failure(409, 'out of stock');
        case 'GET /slow':
            pause((int) ($params['ms'] ?? 0) / 1000);
            return [200, TEXT, 'slow'];
    }
    return [404, TEXT, "not found\n"];
}

// A signal ends a sleep.
function pause(float $seconds): void
{
    $until = microtime(true) + $seconds;
    while (($left = $until - microtime(true)) > 0) {
        usleep((int) ceil(1e6 * $left));
    }
}

// The mailbox that waits for a reply to this job, and the reply. Null where nobody waits, or this is no job.
function run(string $raw): ?array
{
    $job = json_decode($raw, true);
    if (!is_array($job) || !array_is_list($job) || count($job) !== 4) {
        return complain($raw);
    }
    [$action, $args, $mailbox, $id] = $job;
    // No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
    $addressed = $mailbox === null || is_string($mailbox) && preg_match('/^[^{]/', $mailbox);
    if (!is_string($action) || !is_array($args) || !$addressed || !is_scalar($id)) {
        return complain($raw);
    }
    $entry = reply($action, $args, (string) $id);
    return $mailbox === null ? null : [$mailbox, json_encode($entry, JSON_INVALID_UTF8_SUBSTITUTE)];
}

function complain(string $raw): null
{
    fwrite(STDERR, 'not a job: ' . substr($raw, 0, 100) . ' ' . json_last_error_msg() . "\n");
    return null;
}

function reply(string $action, array $args, string $id): array
{
    if ($action !== 'url') {
        return ['fail', $id, ['code' => 'NO_HANDLER', 'message' => "no handler for $action"]];
    }
    try {
        ['method' => $method, 'url' => $url, 'headers' => $headers] = $request = $args[0];
        [$status, $headers, $body] = handle($method, $url, $headers, from_json($request['body'] ?? ''));
        return ['answer', $id, [$status, (object) $headers, to_json($body)]];
    } catch (Failure $failure) {
        return ['fail', $id, ['status' => $failure->status, 'message' => $failure->getMessage()]];
    } catch (Throwable $error) {
        return ['fail', $id, ['message' => $error->getMessage()]];
    }
}

// Bytes are text in JSON, or else base64 (P-20).
function from_json(string|array $body): string
{
    return is_string($body) ? $body : base64_decode($body['base64'], true);
}

function to_json(string $body): string|array
{
    return preg_match('//u', $body) ? $body : ['base64' => base64_encode($body)];
}
