const Koa = require('koa')

const app = new Koa()

app.use((ctx) => {
  ctx.body = 'Hello from Koa\n'
})

const server = app.listen(3000)

process.on('SIGTERM', () => server.close(() => process.exit(0)))
