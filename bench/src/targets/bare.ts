/**
 * Bare node:http: the yardstick of every ratio. Answers the same bytes and headers as Tempest's hello.
 *
 * `bare.js held` leaves /held open for ever; `bare.js backend` keeps idle connections longer than a proxy does.
 */

import { createServer, type RequestListener } from 'node:http'
import { listenToBench } from './control.js'
import { sayHello } from './hello.js'
import { listen } from './listen.js'

const mode = process.argv[2]
let held = 0

const answerAll: RequestListener = (_request, response) => sayHello(response)
const answerOrHold: RequestListener = (request, response) => {
  if (request.url === '/held') held++
  else sayHello(response)
}

const server = createServer(mode === 'held' ? answerOrHold : answerAll)
if (mode === 'backend') server.keepAliveTimeout = 120_000
listenToBench(() => undefined, { held: () => held })
listen(server)
