import { dirname } from 'node:path'
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
