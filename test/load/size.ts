/** True for `npm run chaos`, `soak` and `storm`; false for the small size that `npm run test:all` runs. */
export const isFullSize = process.env['LOAD_SIZE'] === 'full'
