// Socket.IO 4 as in its documentation, with the WebSocket transport only.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false })
io.on('connection', (socket) => {
  socket.on('join', (room, acknowledge) => {
    socket.join(room)
    acknowledge('ok')
  })
  socket.on('new_msg', (room, payload) => io.to(room).emit('new_msg', payload))
  socket.on('echo', (payload, acknowledge) => acknowledge(payload))
})
server.listen(Number(process.env['PORT']), '127.0.0.1', 4_096)
