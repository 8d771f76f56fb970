<?php
// What php-fpm serves beside the worker in PHP: the same answer, with as many headers as a front sends.
declare(strict_types=1);

$body = "Hello from PHP\n";
header('content-type: text/plain; charset=utf-8');
header('x-request-id: 0123456789abcdef-123456-0123456789abcdef');
header('content-length: ' . strlen($body));
echo $body;
