/** Connect alone: what the middleware chain costs before anything of Tempest runs. */

import connect from 'connect'
import { createServer } from 'node:http'
import { listenToBench } from './control.js'
import { sayHello } from './hello.js'
import { listen } from './listen.js'

const app = connect()
app.use((_request, response) => sayHello(response))
listenToBench(() => undefined)
listen(createServer(app))
