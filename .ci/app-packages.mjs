// Makes package.json that of the app in a container: what the bundle imports are its dependencies, to be installed
// by `npm ci --omit=dev`. For those who use the library most of it is development's.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const files = readdirSync('dist/app').filter((name) => name.endsWith('.js'))
const bundle = files.map((name) => readFileSync(`dist/app/${name}`, 'utf8')).join('\n')
const imports = bundle.matchAll(/\b(?:from|import)\s*\(?\s*"((?:@[\w.-]+\/)?[\w.-]+)/g)
const imported = new Set(Array.from(imports, ([, name]) => name))
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [name, version] of Object.entries(manifest.devDependencies)) {
  if (!imported.has(name)) continue
  manifest.dependencies[name] = version
  delete manifest.devDependencies[name]
}
writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
