import { wordsOf } from '../errors.ts'
import { broadcast } from './broadcast.ts'
import type { Command, Terminal } from './command.ts'
import { fake } from './fake.ts'

/** Subcommands by their names. */
const commands: ReadonlyMap<string, Command> = new Map([
  ['broadcast', broadcast],
  ['fake', fake],
])

const SUCCESS = 0
const FAILURE = 1

/** Run `fastify-phoenix NAME …`. Resolves with the exit code. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '--help', ...others] = args
  const command = commands.get(name)
  if (name === '--help' || others.includes('--help')) {
    terminal.stdout.write(command?.help ?? help())
    return SUCCESS
  }
  try {
    if (command !== undefined) return await command.run(others, terminal)
    const names = [...commands.keys()].join(', ')
    terminal.stderr.write(`Unknown command "${name}". Commands: ${names}\n`)
  } catch (error) {
    terminal.stderr.write(`fastify-phoenix ${name}: ${wordsOf(error)}\n`)
  }
  return FAILURE
}

function help(): string {
  return `Usage: fastify-phoenix COMMAND\n\n${[...commands.values()].map((command) => command.help).join('\n')}`
}
