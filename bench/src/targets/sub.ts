/** A Tempest front with /sub, as a user would write it: `sub.js <redis URL>`. */

import connect from 'connect'
import { createServer } from 'node:http'
import { createFront } from '@tempest/front'
import { listenToBench } from './control.js'
import { listen } from './listen.js'

const [redis = ''] = process.argv.slice(2)

const front = createFront({ redis })
const app = connect()
app.use('/sub', front.sub())
const server = createServer(app)
front.attach(server)
listenToBench(() => front.stop())
listen(server)
