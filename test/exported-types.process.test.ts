import ts from 'typescript'
import { expect, test } from 'vitest'
import { library } from '../tsup.config.ts'
import { root } from './helpers/markdown.ts'

test('every type in the signature of an exported name is exported too', { timeout: 300_000 }, () => {
  const { cli: _program, ...doors } = library.entry as Record<string, string>
  expect(new Doors(Object.values(doors).map((path) => root + path)).missing()).toEqual([])
})

/** The entries of the package, with what they export. */
class Doors {
  readonly #checker: ts.TypeChecker
  /** Exported names; true if only the type is exported, so that users cannot call the constructor of a class. */
  readonly #exported: Map<ts.Symbol, boolean>
  readonly #missing: Set<string>

  constructor(entries: readonly string[]) {
    const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent(
      { ...config, files: entries, include: [] },
      ts.sys,
      root,
    )
    const program = ts.createProgram(entries, options)
    this.#checker = program.getTypeChecker()
    this.#exported = new Map()
    this.#missing = new Set()
    for (const entry of entries) {
      const source = program.getSourceFile(entry)
      const module = source && this.#checker.getSymbolAtLocation(source)
      if (module === undefined) throw new Error(`${entry} is not a module`)
      for (const symbol of this.#checker.getExportsOfModule(module)) this.#add(symbol)
    }
  }

  /** Types without an export: their names, and the exported names that use them. */
  missing(): string[] {
    for (const [symbol, isType] of this.#exported) {
      for (const declaration of symbol.declarations ?? []) {
        if (isOwn(declaration)) this.#visit(declaration, symbol.name, isType)
      }
    }
    return [...this.#missing].sort()
  }

  #add(symbol: ts.Symbol): void {
    const target = this.#resolve(symbol)
    const isType = symbol.declarations?.some((one) => ts.isExportSpecifier(one) && isTypeOnly(one)) ?? false
    this.#exported.set(target, isType && (this.#exported.get(target) ?? true))
  }

  #resolve(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }

  #visit(declaration: ts.Declaration, user: string, isType: boolean): void {
    if (ts.isTypeAliasDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
      this.#visitType(declaration, user)
    } else if (ts.isFunctionDeclaration(declaration)) this.#visitSignature(declaration, user)
    else if (ts.isVariableDeclaration(declaration)) this.#visitType(declaration.type, user)
    else if (ts.isClassDeclaration(declaration)) {
      for (const clause of declaration.heritageClauses ?? []) this.#visitType(clause, user)
      for (const member of declaration.members) {
        if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) continue
        if (ts.isConstructorDeclaration(member) && isType) continue
        if (ts.isPropertyDeclaration(member)) this.#visitType(member.type, user)
        else if (ts.isFunctionLike(member)) this.#visitSignature(member, user)
      }
    }
  }

  #visitSignature(signature: ts.SignatureDeclaration, user: string): void {
    for (const { type } of signature.parameters) this.#visitType(type, user)
    for (const parameter of signature.typeParameters ?? []) this.#visitType(parameter, user)
    this.#visitType(signature.type, user)
  }

  #visitType(node: ts.Node | undefined, user: string): void {
    if (node === undefined) return
    const name = nameIn(node)
    if (name !== null) this.#use(name, user)
    ts.forEachChild(node, (child) => this.#visitType(child, user))
  }

  #use(name: ts.Node, user: string): void {
    const found = this.#checker.getSymbolAtLocation(name)
    if (found === undefined) return
    const symbol = this.#resolve(found)
    const [declaration] = symbol.declarations ?? []
    if (declaration === undefined || !isOwn(declaration) || this.#exported.has(symbol)) return
    if (!ts.isTypeParameterDeclaration(declaration)) this.#missing.add(`${symbol.name}, used by ${user}`)
  }
}

/** The name of a type that this node refers to; null if it is none. */
function nameIn(node: ts.Node): ts.Node | null {
  if (ts.isTypeReferenceNode(node)) return node.typeName
  return ts.isExpressionWithTypeArguments(node) ? node.expression : null
}

function isTypeOnly({ isTypeOnly, parent }: ts.ExportSpecifier): boolean {
  return isTypeOnly || parent.parent.isTypeOnly
}

function isOwn(declaration: ts.Declaration): boolean {
  return !declaration.getSourceFile().fileName.includes('/node_modules/')
}
