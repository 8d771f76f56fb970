<?php // A PHP script that knows nothing of Tempest.
$path = $_SERVER['PATH_INFO'] ?? '/';
switch ("$_SERVER[REQUEST_METHOD] $path") {
    case 'GET /hello':
    case 'HEAD /hello':
        echo 'Hello ', $_GET['name'] ?? 'you', " from PHP\n";
        break;
    case 'POST /form':
        http_response_code(201);
        header('Content-Type: application/json');
        echo json_encode($_POST, JSON_UNESCAPED_UNICODE);
        break;
    case 'POST /bytes':
        header('Content-Type: application/octet-stream');
        echo file_get_contents('php://input');
        break;
    case 'GET /cookies':
        setcookie('visit', '1', ['httponly' => true]);
        setcookie('theme', 'dark');
        echo $_COOKIE['visit'] ?? 'none', "\n";
        break;
    case 'GET /old':
        header('Location: /hello');
        break;
    case 'GET /fails':
        throw new RuntimeException('a secret of the application');
    default:
        http_response_code(404);
        echo "There is nothing here.\n";
}
