import { dirname, join } from 'node:path'
import ts from 'typescript'
import { root } from './markdown.ts'

/** The errors of these files for users whose options are `strict` and these, and all files that the compiler read. */
export function checkAsUser(
  paths: readonly string[],
  { module, exact }: UserOptions,
): { errors: string[]; files: string[] } {
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
  const program = ts.createProgram([...paths], options)
  const files = program.getSourceFiles().map(({ fileName }) => fileName)
  return { errors: diagnose(program, paths), files: files.sort() }
}

/** How users' configurations differ. */
export type UserOptions = { readonly module: 'node16' | 'nodenext' | 'bundler'; readonly exact: boolean }

/** The errors of a project, by its `tsconfig.json`. Files that projects share are read and bound once. */
export function checkProject(folder: string): string[] {
  const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), ts.sys.readFile)
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  const program = ts.createProgram(fileNames, { ...options, noEmit: true }, sharingHost(options))
  return [...errors, ...ts.getPreEmitDiagnostics(program)].map(wordsOf)
}

const sourceFiles = new Map<string, ts.SourceFile>()

/** A host whose source files are shared by programs of the same options. */
function sharingHost(options: ts.CompilerOptions): ts.CompilerHost {
  const { configFilePath: _path, ...shared } = options
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, language, ...others) => {
    const key = JSON.stringify([name, language, shared])
    const file = sourceFiles.get(key) ?? getSourceFile.call(host, name, language, ...others)
    if (file !== undefined) sourceFiles.set(key, file)
    return file
  }
  return host
}

function diagnose(program: ts.Program, paths: readonly string[]): string[] {
  const diagnostics = paths.flatMap((path) => {
    const source = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  })
  return [...program.getGlobalDiagnostics(), ...diagnostics].map(wordsOf)
}

function wordsOf({ file, start = 0, code, messageText }: ts.Diagnostic): string {
  const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
  return `${file?.fileName}:${line} TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}
