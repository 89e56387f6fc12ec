import { setTimeout as sleep } from 'node:timers/promises'
import { Contestant } from './contestant.mjs'
import { servers } from './servers.mjs'

// Milliseconds for one server to become idle before the next is under load.
const BREATH = 50

/**
 * Runs one round of one scenario. All servers run at the same time, but only one is under load: they alternate in
 * slices, so that changes of the machine affect all of them alike. Memory is measured one server after the other.
 * @param {import('./scenarios.mjs').Scenario} scenario
 * @param {readonly string[]} names names of the servers, in the order of the first slices
 * @param {{ machine: import('./machine.mjs').Machine, slices: number }} options slices of each server
 * @returns {Promise<Record<string, import('./contestant.mjs').Outcome>>}
 */
export async function round(scenario, names, { machine, slices }) {
  const contestants = names.map(
    (name) => new Contestant(servers[/** @type {keyof typeof servers} */ (name)], scenario, machine),
  )
  try {
    if (scenario.phase === 'hold') await holdInTurn(contestants)
    else await loadInTurn(contestants, slices)
    return Object.fromEntries(contestants.map(({ outcome }, index) => [names[index], outcome]))
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.end()))
  }
}

/** @param {readonly Contestant[]} contestants */
async function holdInTurn(contestants) {
  for (const contestant of contestants) {
    await contestant.do('hold')
    await contestant.end()
  }
}

/**
 * @param {readonly Contestant[]} contestants
 * @param {number} slices
 */
async function loadInTurn(contestants, slices) {
  await Promise.all(contestants.map((contestant) => contestant.do('start')))
  for (const contestant of contestants) await contestant.do('warmUp')
  for (let turn = 0; turn < slices; turn++) {
    // Alternate the direction, so that no server always follows the same one.
    for (const contestant of turn % 2 === 0 ? contestants : contestants.toReversed()) {
      await contestant.do('slice')
      await sleep(BREATH)
    }
  }
}
