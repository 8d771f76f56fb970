// What node:http serves beside the worker in Node: the same answer, with as many headers as a front sends.
import { createServer } from 'node:http'

const body = 'Hello from Node\n'
const headers = {
  'content-type': 'text/plain; charset=utf-8',
  'x-request-id': '0123456789abcdef-123456-0123456789abcdef',
  'content-length': String(Buffer.byteLength(body)),
}

// A path, or an address with a port.
const [at = ''] = process.argv.slice(2)
const [host, port] = at.split(':')
createServer((_request, response) => {
  response.writeHead(200, headers)
  response.end(body)
}).listen(at.startsWith('/') ? { path: at } : { host, port: Number(port) })
