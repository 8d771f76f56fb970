// The application of app.mjs as a worker, in one process and without a port.
import { inject } from '@tempest/adapt'
import { createWorker } from '@tempest/worker'
import { app } from './app.mjs'

const redis = process.env.TEMPEST_REDIS_URL ?? process.env.REDIS_URL ?? 'redis://localhost'
const queues = (process.env.TEMPEST_QUEUES ?? 'tempest').split(',')

const worker = createWorker({ redis, queues, logger: console })
worker.on('url', inject(app))
await worker.start()
console.log('app.mjs works for', queues.join(', '))

process.once('SIGINT', () => worker.stop())
process.once('SIGTERM', () => worker.stop())
