import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type FakeServer, fakeServer } from '../testing/fake-server.ts'
import { type Command, stopSignal, type Terminal } from './command.ts'

/** Command `fastify-phoenix fake`: a fake server in its own process, for the tests of clients in any language. */
export const fake: Command = {
  help: `fastify-phoenix fake [--port PORT] [--transcript] [SCRIPT]

  Run a fake Phoenix server on 127.0.0.1, with its socket at /socket, until SIGINT or SIGTERM.

  SCRIPT        module whose default export is a function; it is called with the server
  --port        port to listen on (default: any free one)
  --transcript  print all frames at the end
`,

  async run(args, terminal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { port: { type: 'string', default: '0' }, transcript: { type: 'boolean', default: false } },
    })
    const [path, ...others] = positionals
    if (others.length > 0) throw new Error(`expected at most one script (got ${positionals.join(', ')})`)
    const stopped = stopSignal(terminal)
    const server = await fakeServer({ port: values.port === '' ? Number.NaN : Number(values.port) })
    try {
      if (path !== undefined) await runScript(path, server)
      await serve(server, stopped, terminal)
      if (values.transcript) terminal.stdout.write(`${server.transcript()}\n`)
    } finally {
      await server.close()
    }
    return 0
  },
}

async function serve(server: FakeServer, stopped: Promise<void>, terminal: Terminal): Promise<void> {
  terminal.stdout.write(`${server.url}\n`)
  await stopped
}

/**
 * Load a module, and pass the server to the module's default export. @throws Error when the module cannot be loaded,
 * its default export is not a function, or the exported function fails.
 */
async function runScript(path: string, server: FakeServer): Promise<void> {
  const { default: script }: { default?: unknown } = await import(pathToFileURL(resolve(path)).href)
  if (typeof script !== 'function') throw new Error(`${path} must have a function as its default export`)
  await script(server)
}
