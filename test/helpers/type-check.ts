import { dirname } from 'node:path'
import ts from 'typescript'
import { root } from './markdown.ts'

/** What the strictest of users would set. */
const strict: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
}

/** For samples, on the server as in the browser. */
const inMemory: ts.CompilerOptions = {
  ...strict,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: ['node', 'phoenix'],
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  baseUrl: root,
  // As the exports map of the package, but to the sources.
  paths: {
    'fastify-phoenix': ['server/index.ts'],
    'fastify-phoenix/client': ['client/typed.ts'],
    'fastify-phoenix/protocol': ['protocol/index.ts'],
    'fastify-phoenix/redis': ['server/redis/index.ts'],
    'fastify-phoenix/testing': ['server/testing/index.ts'],
    'fastify-phoenix/metrics': ['server/metrics/index.ts'],
    'fastify-phoenix/tracing': ['server/tracing/index.ts'],
  },
}

/** What the compiler finds wrong with files that are in memory only, by their absolute paths. */
export function typeCheck(files: ReadonlyMap<string, string>): string[] {
  const host = ts.createCompilerHost(inMemory)
  const folders = new Set([...files.keys()].map((path) => dirname(path)))
  const { readFile, fileExists, directoryExists } = host
  host.readFile = (path) => files.get(path) ?? readFile(path)
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? true)
  return diagnose(ts.createProgram([...files.keys()], inMemory, host), [...files.keys()])
}

/**
 * Compile the first of these files to JavaScript beside it. Returns the errors in any of them, but not in
 * other packages' declarations: checking those of typebox alone would take half a minute.
 */
export function compile(path: string, ...declarations: string[]): string[] {
  const program = ts.createProgram([path, ...declarations], { ...strict, types: ['node'] })
  program.emit(program.getSourceFile(path))
  return diagnose(program, [path, ...declarations])
}

/** The errors of these files as users see them whose options are `strict` and this. */
export function checkAsUser(paths: readonly string[], { module, exact }: UserOptions): string[] {
  const isBundler = module === 'bundler'
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      target: 'ES2022',
      module: isBundler ? 'esnext' : module,
      moduleResolution: module,
      strict: true,
      exactOptionalPropertyTypes: exact,
      types: ['node'],
      noEmit: true,
    },
    dirname(paths[0] ?? root),
  )
  return diagnose(ts.createProgram([...paths], options), paths)
}

/** How users' configurations differ. */
export type UserOptions = { readonly module: 'node16' | 'nodenext' | 'bundler'; readonly exact: boolean }

function diagnose(program: ts.Program, paths: readonly string[]): string[] {
  const diagnostics = paths.flatMap((path) => {
    const source = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  })
  return [...program.getGlobalDiagnostics(), ...diagnostics].map(({ file, start = 0, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}
