const NEAR_PX = 48

/** Keeps the end of the messages in view. */
export type Scrolling = {
  /** Go to the end and stay there. */
  follow(): void
  /** The content has changed: go to the end, unless the user reads further up. */
  settle(): void
}

/** While the user reads further up, the button leads back to the end. */
export function scrolling(scroller: HTMLElement, button: HTMLButtonElement): Scrolling {
  let isFollowing = true

  const settle = () => {
    if (isFollowing) scroller.scrollTop = scroller.scrollHeight
    button.hidden = isFollowing
  }
  const follow = () => {
    isFollowing = true
    settle()
  }

  scroller.addEventListener('scroll', () => {
    isFollowing = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX
    button.hidden = isFollowing
  })
  button.addEventListener('click', follow)
  // A phone's keyboard or a growing draft takes height away.
  new ResizeObserver(settle).observe(scroller)
  return { follow, settle }
}
