// An Express application that knows nothing of Tempest.
import express from 'express'

export const app = express()
app.use(express.urlencoded({ extended: false }), express.raw({ limit: '1mb' }))

app.get('/hello', (req, res) => {
  res.type('text').send(`Hello ${req.query.name ?? 'you'} from Express\n`)
})
app.post('/form', (req, res) => res.status(201).json(req.body))
app.post('/bytes', (req, res) => res.send(req.body))
app.get('/cookies', (req, res) => {
  const visit = /\bvisit=(\w+)/.exec(req.headers.cookie ?? '')?.[1] ?? 'none'
  res.cookie('visit', '1', { httpOnly: true }).cookie('theme', 'dark').send(`${visit}\n`)
})
app.get('/old', (req, res) => res.redirect('/hello'))
app.get('/fails', () => {
  throw new Error('a secret of the application')
})
