// Socket.IO: a chat with rooms, a check of the user, and acknowledgements.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http);

io.use((socket, next) => {
  const { user } = socket.handshake.auth;
  if (typeof user !== 'string' || user === '') return next(new Error('who are you?'));
  socket.data.user = user;
  next();
});

io.on('connection', (socket) => {
  socket.on('join', (room: unknown, done: (ok: boolean) => void) => {
    if (room !== 'lobby') return done(false);
    void socket.join(room);
    done(true);
  });
  socket.on('chat', (room: unknown, text: unknown, done: (ok: boolean) => void) => {
    if (room !== 'lobby' || typeof text !== 'string' || !socket.rooms.has(room)) return done(false);
    io.to(room).emit('chat', { user: socket.data.user, text });
    done(true);
  });
});

http.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => console.log('listening'));
process.once('SIGTERM', () => void io.close());
