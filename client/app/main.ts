import { fetchRooms, fetchTimes } from './api.ts'
import { connectionView } from './connection-view.ts'
import { Connector } from './connector.ts'
import { Identity, NAME } from './identity.ts'
import { meView } from './me-view.ts'
import { type OpenRoom, OpenRooms } from './open-rooms.ts'
import { peopleView } from './people-view.ts'
import { Places } from './places.ts'
import { roomView } from './room-view.ts'
import { defaultRoom, hashOfRoom, roomNameError, roomOfHash, roomsToShow, titleOf } from './rooms.ts'
import { roomsView } from './rooms-view.ts'
import { signInView } from './sign-in-view.ts'
import { openStore } from './store.ts'
import { apiHeaders, authToken, keepToken, TOKEN, takeToken } from './token.ts'

const LIST_ROOMS_EVERY_MS = 10_000
/** Milliseconds between redraws while a user is typing. No event tells the page that a typing notice has expired. */
const DRAW_AGAIN_MS = 1_000

async function start(): Promise<void> {
  const store = openStore(() => localStorage)
  const places = new Places(
    store,
    openStore(() => sessionStorage),
  )
  const me = new Identity(store)
  const connection = connectionView(() => void connector.restart())
  const connector = new Connector({
    store,
    show: (state) => connection.show(state),
    session({ user, hasUsers }) {
      me.signIn(user, hasUsers)
      changed()
    },
    interrupted: () => visits.interrupt(),
  })
  const { socket } = connector
  const visits = new OpenRooms(socket, {
    me,
    lastRead: (room) => places.lastRead(room),
    expiring: (channel, leftMs) => void connector.expiring(channel, leftMs),
    readTimes: (room) => fetchTimes(room, apiHeaders(store)),
    changed,
  })
  let here: OpenRoom | null = null
  let listed: readonly string[] = []
  let isDrawn = true

  const room = roomView({
    send: (body) => here?.session.send(body),
    typed: () => here?.session.typed(),
    retry: (id) => here?.session.retry(id),
    discard: (id) => here?.session.discard(id),
    leave,
  })
  const rooms = roomsView((name) => {
    here = visits.visit(name)
    changed()
    // On a touch screen, do not focus the input, because the screen keyboard would cover the room.
    if (matchMedia('(pointer: fine)').matches) room.focus()
  })
  const people = peopleView()
  const name = meView((chosen) => {
    me.rename(chosen)
    followName()
  })
  const signIn = signInView((token) => {
    keepToken(token, store)
    void connector.restart()
  })

  function changed(): void {
    // Draw once per animation frame, however many messages arrive. A hidden page has no animation frames, so use a
    // timer: the title must still change.
    if (isDrawn && document.hidden) setTimeout(draw)
    else if (isDrawn) requestAnimationFrame(draw)
    isDrawn = false
  }
  function draw(): void {
    isDrawn = true
    signIn.show(connector.session, authToken(store) !== '')
    name.show(me)
    if (here === null) return
    const { conversation } = here
    if (!document.hidden) {
      conversation.read()
      if (conversation.cursor !== null) places.keep(conversation.room, conversation.cursor)
    }
    places.open(visits.open.map(({ room }) => room))
    const unread = new Map(visits.open.map(({ room, unread }) => [room, unread]))
    const canLeave = visits.open.length > 1
    room.show(conversation, { isOut: connector.isSignedOut, canLeave })
    rooms.show(roomsToShow(listed, [...unread.keys()]), conversation.room, unread)
    people.show(conversation, me)
    document.title = titleOf(
      conversation.room,
      [...unread.values()].reduce((sum, count) => sum + count, 0),
    )
    if (conversation.typists.names(Date.now()).length > 0) setTimeout(changed, DRAW_AGAIN_MS)
  }
  /** Open the room in the hash of the page's URL. */
  function followAddress(hash: string): void {
    const fallback = here?.conversation.room ?? defaultRoom(connector.session?.rooms)
    const name = roomOfHash(hash) ?? fallback
    const problem = roomNameError(name)
    here = visits.visit(problem === null ? name : fallback)
    rooms.showError(problem ?? '')
    history.replaceState(null, '', hashOfRoom(here.conversation.room))
    changed()
  }
  /** Move a token from the page's URL to the store. Returns the hash of the URL without the token. */
  function takeAddress(): string {
    const rest = takeToken(location.hash, store, (question) => confirm(question))
    if (rest !== null) history.replaceState(null, '', rest || location.pathname)
    return rest ?? location.hash
  }
  async function addressChanged(): Promise<void> {
    const before = authToken(store)
    const hash = takeAddress()
    if (authToken(store) !== before) await connector.restart()
    followAddress(hash)
  }
  /** If the user's name has changed, rejoin the open rooms with the new name. */
  function followName(): void {
    if (here !== null) here = visits.rename(here.conversation.room)
    changed()
  }
  function leave(): void {
    if (here !== null) visits.leave(here.conversation.room)
    followAddress(hashOfRoom(visits.open.at(-1)?.room ?? defaultRoom(connector.session?.rooms)))
  }
  async function listRooms(): Promise<void> {
    if (document.hidden || !socket.isConnected()) return
    listed = (await fetchRooms(apiHeaders(store))) ?? listed
    changed()
  }

  addEventListener('hashchange', () => void addressChanged())
  // Another tab has changed the user's name, or has signed in. The key is null if the store was cleared.
  addEventListener('storage', ({ key }) => {
    if (key === NAME || key === null) followName()
    if ((key === TOKEN || key === null) && connector.isSignedOut) void connector.restart()
  })
  document.addEventListener('visibilitychange', draw)
  connector.watchNetwork()
  socket.onOpen(() => void listRooms())
  setInterval(() => void listRooms(), LIST_ROOMS_EVERY_MS)
  const hash = takeAddress()
  await connector.ask()
  for (const room of places.rooms) if (roomNameError(room) === null) visits.visit(room)
  followAddress(hash)
  connector.connect()
}

void start()
