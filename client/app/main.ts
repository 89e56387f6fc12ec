import { Socket } from 'phoenix'
import { fetchRooms } from './api.ts'
import { reconnectDelay } from './connection.ts'
import { connectionView } from './connection-view.ts'
import { Identity } from './identity.ts'
import { meView } from './me-view.ts'
import { peopleView } from './people-view.ts'
import { roomView } from './room-view.ts'
import { defaultRoom, hashOfRoom, roomNameError, roomOfHash, roomsToShow } from './rooms.ts'
import { roomsView } from './rooms-view.ts'
import { openStore, type Store } from './store.ts'
import { apiHeaders, authToken, takeToken } from './token.ts'
import { type Visit, visits } from './visits.ts'

const LIST_ROOMS_EVERY_MS = 10_000

function start(): void {
  const store = openStore(() => localStorage)
  const socket = createSocket(store)
  const me = new Identity(store)
  const visit = visits(socket, { me, changed })
  let here: Visit | null = null
  let listed: readonly string[] = []
  let isDrawn = true

  const room = roomView({
    send: (body) => here?.stay.send(body),
    retry: (id) => here?.stay.retry(id),
    discard: (id) => here?.stay.discard(id),
  })
  const rooms = roomsView((name) => {
    here = visit(name)
    // On a touch screen its keyboard would cover the room.
    if (matchMedia('(pointer: fine)').matches) room.focus()
  })
  const people = peopleView()
  const name = meView((chosen) => {
    me.rename(chosen)
    followName()
  })

  function changed(): void {
    // Many messages may come in one frame; it is drawn once.
    if (isDrawn) requestAnimationFrame(draw)
    isDrawn = false
  }
  function draw(): void {
    isDrawn = true
    if (here === null) return
    room.show(here.conversation)
    rooms.show(roomsToShow(listed, here.conversation.room), here.conversation.room)
    people.show(here.conversation, me)
    name.show(me.name)
  }
  /** Go where the page's address says. */
  function followAddress(): void {
    const hash = takeToken(location.hash, store, (question) => confirm(question)) ? '' : location.hash
    const name = roomOfHash(hash) ?? defaultRoom()
    const problem = roomNameError(name)
    here = visit(problem === null ? name : (here?.conversation.room ?? defaultRoom()))
    rooms.showError(problem ?? '')
    history.replaceState(null, '', hashOfRoom(here.conversation.room))
  }
  /** Be in the room under the name that the user has now. */
  function followName(): void {
    if (here !== null) here = visit(here.conversation.room)
  }
  async function listRooms(): Promise<void> {
    if (document.hidden || !socket.isConnected()) return
    listed = (await fetchRooms(apiHeaders(store))) ?? listed
    changed()
  }

  addEventListener('hashchange', followAddress)
  // In another tab.
  addEventListener('storage', followName)
  followAddress()
  socket.onOpen(listRooms)
  setInterval(() => void listRooms(), LIST_ROOMS_EVERY_MS)
  socket.connect()
}

function createSocket(store: Store): Socket {
  const view = connectionView(() => {
    // phoenix.js has no "retry now": a new connection is made when the old one is done with.
    socket.disconnect(() => socket.connect())
  })
  const socket = new Socket('/socket', {
    // Asked for again with every attempt: a token may have been replaced meanwhile.
    // A function, which the client takes though its types do not say so.
    authToken: (() => authToken(store)) as unknown as string,
    reconnectAfterMs(attempt) {
      const delay = reconnectDelay(attempt)
      view.show({ state: 'lost', retryAt: Date.now() + delay })
      return delay
    },
  })
  socket.onOpen(() => view.show({ state: 'connected' }))
  return socket
}

start()
