// A page at / that shows what is published to the channels it names, as /sub brings it.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import connect from 'connect'
import { createFront } from '@tempest/front'

const redis = process.env.REDIS_URL ?? 'redis://localhost'
const port = Number(process.env.PORT ?? 1337)
const page = readFileSync(new URL('index.html', import.meta.url))

const front = createFront({ redis }) // returns at once; Redis may be away
const app = connect()
  // On one machine nobody has to be spared: all are gone within a second, and back after another.
  .use('/sub', front.sub({ retryMs: 1000, spreadMs: 1000 }))
  .use((req, res, next) => {
    if (!/^\/(\?|$)/.test(req.url)) return next()
    res.setHeader('content-type', 'text/html; charset=utf-8')
    res.end(page)
  })
const server = createServer(app)
front.attach(server)
server.listen(port, 'localhost', () => {
  console.log(`open  http://localhost:${port}/?channels=test&events=tick
then  redis-cli -u ${redis} publish test '["Bob"]'
or    redis-cli -u ${redis} xadd tempest:events MAXLEN '~' 100000 '*' channel test data '["tick","Bob"]'`)
})

process.once('SIGINT', () => front.stop())
process.once('SIGTERM', () => front.stop())
