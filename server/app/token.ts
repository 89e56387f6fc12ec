import { fail } from './fail.ts'
import { tokenLink } from './token-link.ts'

// `npm run token -- --name Ann --rooms private-board`
tokenLink(process.argv.slice(2), process.env).then((text) => process.stdout.write(text), fail)
