/** nginx before the server of a language, whose connections are kept where it can serve others meanwhile. */

import type { Home } from '../home.js'
import { type Nginx, pass, startNginx, upstream } from '../nginx.js'
import type { Server } from './server.js'

/** @param at the path of the server's socket */
export function startNginxBefore(home: Home, server: Server, at: string): Promise<Nginx> {
  const { keepAlive, speaks, script = '' } = server
  const way =
    speaks === 'http'
      ? `${pass('hello', keepAlive)} proxy_set_header Host $http_host;`
      : fastcgiPass(script)
  return startNginx(home, {
    name: 'nginx-before',
    http: upstream('hello', `server unix:${at};`, keepAlive),
    server: `location / { ${way} }`,
  })
}

const fastcgiPass = (script: string): string => `fastcgi_pass hello;
      fastcgi_param SCRIPT_FILENAME ${script};
      fastcgi_param SCRIPT_NAME /hello;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param SERVER_NAME $server_name;
      fastcgi_param SERVER_PORT $server_port;
      fastcgi_param REMOTE_ADDR $remote_addr;`
