const NEAR_PX = 48

/** Scrolling that keeps the end of the messages in view. */
export type Scrolling = {
  /** Scroll to the end, and keep the end in view when messages are added. */
  follow(): void
  /** Scroll to the end after a change of the content, unless the user has scrolled up. */
  settle(): void
}

/** Keep the end of the messages in view. If the user has scrolled up, show `button`, which scrolls back to the end. */
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
  // Scroll again when the height changes: a phone's keyboard or a growing draft reduces the height.
  new ResizeObserver(settle).observe(scroller)
  return { follow, settle }
}
