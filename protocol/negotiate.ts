import { checkOption, list, object, rule } from './check.ts'
import type { Serializer } from './serializer.ts'
import { v1JsonSerializer } from './v1-json-serializer.ts'
import { v2JsonSerializer } from './v2-json-serializer.ts'

/** Default serializers of a socket. */
export const defaultSerializers: readonly Serializer[] = Object.freeze([v1JsonSerializer, v2JsonSerializer])

const serializerArgument = object<{ serializers: unknown }>(
  { serializers: list(rule('a Serializer', (value) => typeof Object(value).vsn === 'string')) },
  ['serializers'],
)

// Semantic version, such as 2.0.0, 2.0.0-rc.1 or 2.0.0+build.
const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[\dA-Za-z.-]+)?(\+[\dA-Za-z.-]+)?$/

/**
 * Choose the serializer for a client's `vsn` param. Returns null to refuse the client (VSN-1 to VSN-4). The default
 * `vsn` is 1.0.0. A serializer of version x.y.z supports x.y.z and the later patch versions of x.y.
 */
export function negotiateSerializer(
  vsn: unknown,
  serializers: readonly Serializer[] = defaultSerializers,
): Serializer | null {
  if (serializers !== defaultSerializers)
    checkOption('negotiateSerializer', { serializers }, serializerArgument)
  for (const serializer of serializers) if (serializer.vsn === vsn) return serializer
  const match = SEMVER.exec(typeof vsn === 'string' ? vsn : vsn === undefined ? '1.0.0' : '')
  if (match === null) return null
  const [, major, minor, patch, prerelease] = match
  for (const serializer of serializers) {
    const [wantMajor, wantMinor, wantPatch] = serializer.vsn.split('.')
    if (Number(major) !== Number(wantMajor) || Number(minor) !== Number(wantMinor)) continue
    const above = Number(patch) - Number(wantPatch)
    // A pre-release is older than the release: 2.0.0-rc.1 comes before 2.0.0.
    if (above > 0 || (above === 0 && prerelease === undefined)) return serializer
  }
  return null
}
