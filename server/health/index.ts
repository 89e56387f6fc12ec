export { type HealthOptions, health } from './health.ts'
