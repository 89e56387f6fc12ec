import { describe } from 'vitest'
import { goldenSuite, openReference } from './golden.suite.ts'

describe('recorded frames', () => goldenSuite(openReference))
