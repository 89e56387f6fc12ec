// Socket.IO 4 for `npm run jitter`: all clients are in one room; POST /publish sends a message to it.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  io.to('jitter').emit('msg', JSON.parse(body).payload)
  response.writeHead(202).end()
})
// Two minutes, as in the documentation of Socket.IO.
const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } }
const options = { transports: /** @type {['websocket']} */ (['websocket']), serveClient: false }
const io = new Server(server, process.env['RECOVERY'] === '1' ? { ...options, ...recovery } : options)
io.on('connection', (socket) => {
  if (!socket.recovered) socket.join('jitter')
})
server.listen(Number(process.env['PORT']), '127.0.0.1', 4_096)
