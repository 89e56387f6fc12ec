import { expect, test } from 'vitest'
import { overview } from '../../../server/app/dashboard/overview.ts'
import { watched } from '../../helpers/watched.ts'

test('of many rooms the first 50 are listed, the others counted', async () => {
  const { rooms: all, enter } = watched()
  for (let n = 0; n < 60; n++) await enter(`room ${n}`, 'Ann')
  const { rooms, unlisted } = await overview(all)
  expect([rooms.length, unlisted]).toEqual([50, 12])
})

test('of many people in a room the first 20 are named, all are counted', async () => {
  const { rooms: all, enter } = watched()
  for (let n = 0; n < 30; n++) await enter('lobby', `Person-${n}`)
  const { rooms } = await overview(all)
  const lobby = rooms.find(({ room }) => room === 'lobby')
  expect([lobby?.members.length, lobby?.count]).toEqual([20, 30])
})
