import { parseArgs } from 'node:util'
import { Compile } from 'typebox/compile'
import { authOf, mintToken } from './auth.ts'
import { PersonId, PersonName } from './contracts/room.ts'
import { readSettings } from './settings.ts'

const HOUR_S = 3_600
const personName = Compile(PersonName)
const personId = Compile(PersonId)
const options = {
  name: { type: 'string' },
  id: { type: 'string' },
  rooms: { type: 'string' },
  hours: { type: 'string', default: '24' },
  url: { type: 'string' },
  help: { type: 'boolean' },
} as const

const help = `Usage: AUTH_SECRET=… npm run token -- --name Ann [--rooms lobby,private-board] [--id ann] [--hours 24] [--url http://localhost:4000/]

Prints a link that signs a user in to the chat. Set AUTH_SECRET, AUTH_AUDIENCE, AUTH_ISSUER and PORT as on the server.

  --name   name that others see
  --id     user id: 1 to 64 characters, each an ASCII letter, a digit, "-" or "_"; default: derived from the name
  --rooms  rooms that the user can enter; default: all whose names do not begin with private-
  --hours  hours until the token expires; default 24
  --url    address of the page; default http://localhost:PORT/
`

type Env = Readonly<Record<string, string | undefined>>

/**
 * Create the output of `npm run token`. @throws Error with a message of one line that names the wrong option or
 * setting.
 */
export async function tokenLink(args: readonly string[], env: Env): Promise<string> {
  const { values } = parseArgs({ args: [...args], options })
  const { name, id, rooms, hours } = values
  if (values.help === true) return help
  const { AUTH_SECRET, AUTH_AUDIENCE, AUTH_ISSUER, PORT } = env
  const { port, ...settings } = readSettings({ AUTH_SECRET, AUTH_AUDIENCE, AUTH_ISSUER, PORT })
  const auth = authOf(settings)
  if (auth === null) throw new Error('AUTH_SECRET must be set, to the same value as on the server')
  if (name === undefined) throw new Error('--name is missing; it is the name that others see')
  if (!personName.Check(name))
    throw new Error(
      `--name must have 1 to 40 characters and no control characters (got ${JSON.stringify(name)})`,
    )
  if (id !== undefined && !personId.Check(id))
    throw new Error(
      '--id must have 1 to 64 characters, each an ASCII letter, a digit, "-" or "_", ' +
        `and not be a reserved word such as "constructor" (got ${JSON.stringify(id)})`,
    )
  const list = rooms?.split(',').map((room) => room.trim())
  const token = await mintToken(auth, {
    name,
    ...(id !== undefined && { id }),
    ...(list !== undefined && { rooms: list }),
    expiresIn: secondsOf(hours),
  })
  const room = list?.[0] === undefined ? '' : `&room=${encodeURIComponent(list[0])}`
  return `${values.url ?? `http://localhost:${port}/`}#token=${token}${room}\n`
}

function secondsOf(hours: string): number {
  const seconds = Number(hours) * HOUR_S
  if (!(seconds >= 1 && Number.isFinite(seconds)))
    throw new Error(`--hours must be a finite number of at least 0.0003 (got ${JSON.stringify(hours)})`)
  return Math.round(seconds)
}
