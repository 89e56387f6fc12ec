import { anything, object, type Rule, type Rules } from '../../protocol/check.ts'

/** Options that Fastify itself takes from those of a plugin. */
const ofFastify = { prefix: anything, logLevel: anything, logSerializers: anything }

/** The rule of a plugin's options, among them `endpoint`, which `checkEndpoint` checks. */
export function pluginOptions<T extends { readonly endpoint: unknown }>(
  rules: Rules<Omit<T, 'endpoint'>>,
): Rule {
  return object<Record<string, unknown>>({ ...rules, ...ofFastify, endpoint: anything })
}
