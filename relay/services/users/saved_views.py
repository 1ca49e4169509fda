"""Saved views: filters of a list that a person keeps under a name, for themselves alone."""

from __future__ import annotations

from sqlalchemy import func, select

from relay.errors import Invalid, NotFound
from relay.i18n import _
from relay.models import SavedView, User, db
from relay.services.audit import By, record
from relay.services.users.profile import clean_name

PAGES = ("events", "dead_letters")
LONGEST_NAME = 60
LONGEST_QUERY = 1000
MOST = 30


def list_views(user_id: int, page: str) -> list[SavedView]:
    """By name."""
    mine = select(SavedView).where(SavedView.user_id == user_id, SavedView.page == page)
    return list(db.session.scalars(mine.order_by(func.lower(SavedView.name), SavedView.id)))


def save(user_id: int, page: str, name: str, query: str, by: By) -> SavedView:
    """A new view, or another filter for the one of this name.  Raises Invalid, NotFound."""
    if page not in PAGES:
        raise NotFound(_("There is no such list."))
    name = _checked(name)
    if len(query) > LONGEST_QUERY:
        raise Invalid({"name": [_("The filter is too long to be saved. Shorten the search.")]})
    db.session.get_one(User, user_id, with_for_update=True)  # two tabs, one name
    views = list_views(user_id, page)
    view = next((one for one in views if one.name == name), None)
    if view is None and len(views) >= MOST:
        raise Invalid(
            {"name": [_("You have %(num)s views of this list. Remove one first.", num=MOST)]}
        )
    if view is None:
        view = SavedView(user_id=user_id, page=page, name=name)
        db.session.add(view)
    view.query = query
    record(by, "view.save", name, list=page)
    db.session.commit()
    return view


def rename(user_id: int, view_id: int, name: str, by: By) -> SavedView:
    """Raises Invalid, NotFound."""
    db.session.get_one(User, user_id, with_for_update=True)
    view, name = find(user_id, view_id), _checked(name)
    if any(one.name == name and one.id != view.id for one in list_views(user_id, view.page)):
        raise Invalid({"name": [_("You already have a view called %(name)s.", name=name)]})
    before, view.name = view.name, name
    if before != name:
        record(by, "view.rename", name, list=view.page, renamed=f"{before} → {name}")
    db.session.commit()
    return view


def remove(user_id: int, view_id: int, by: By) -> SavedView:
    """Raises NotFound."""
    view = find(user_id, view_id)
    db.session.delete(view)
    record(by, "view.remove", view.name, list=view.page)
    db.session.commit()
    return view


def find(user_id: int, view_id: int) -> SavedView:
    """One of the person's own.  Raises NotFound."""
    view = db.session.get(SavedView, view_id)
    if view is None or view.user_id != user_id:
        raise NotFound(_("You have no such view. It may have been removed."))
    return view


def _checked(name: str) -> str:
    name = clean_name(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(
            {
                "name": [
                    _(
                        "Give the view a name of 1 to %(num)s characters.",
                        num=LONGEST_NAME,
                    )
                ]
            }
        )
    return name
