//! Source text to statements of the subset.
//!
//! A body is the section (statements of the subset, up to and including `commit`) followed by ordinary Rust.
//! Without a commit the section is every statement but the last, which must be an expression.
//!
//! Invariant: whatever is not of the subset is refused here, with an error on the offending tokens that
//! names what to write instead; nothing is passed on half understood.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, Pat, Signature, Stmt, Token, Type, Visibility, braced, token};

use crate::ir::{CommitOrder, Order};

/// The functions in one `sequence! { … }`.
pub(crate) struct Sources(pub(crate) Vec<Source>);

/// One function.
pub(crate) struct Source {
    pub(crate) attrs: Vec<Attribute>,
    /// From `#[slow_path(path)]`: called instead of running the sequence under `exclusive`.
    pub(crate) slow_path: Option<syn::Path>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) section: Vec<Statement>,
    /// Ordinary Rust after the section.
    pub(crate) tail: TokenStream,
}

/// A statement of the section.
pub(crate) enum Statement {
    /// `let name: ty = init;`
    Let { name: Ident, ty: Type, init: Expr },
    /// `if cond { return value; }`
    Exit { cond: Expr, value: Option<Expr> },
    /// `stage place = value;`
    Stage { place: Expr, value: Expr },
    /// `commit place = value;`
    Commit { order: CommitOrder<Expr>, place: Expr, value: Expr },
    /// `copy(dst, src, len);`
    Copy { dst: Expr, src: Expr, len: Expr, span: Span },
}

impl Parse for Sources {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut sources = Vec::new();
        while !input.is_empty() {
            sources.push(input.parse()?);
        }
        Ok(Self(sources))
    }
}

impl Parse for Source {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let mut slow_path = None;
        for attr in attrs.extract_if(.., |attr| attr.path().is_ident("slow_path")) {
            slow_path = Some(attr.parse_args()?);
        }
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        if let Some(what) = [
            sig.constness.map(|t| t.span()),
            sig.asyncness.map(|t| t.span()),
            sig.abi.as_ref().map(Spanned::span),
            sig.variadic.as_ref().map(Spanned::span),
        ]
        .into_iter()
        .flatten()
        .next()
        {
            return Err(syn::Error::new(
                what,
                "a sequence is a plain `fn` or `unsafe fn`: leave this out; an `async fn` or `extern fn` can call it",
            ));
        }
        let body;
        braced!(body in input);
        let (section, tail) = parse_body(&body)?;
        if section.is_empty() {
            return Err(syn::Error::new(
                sig.ident.span(),
                "this sequence has no section: begin with `let name: type = slot.field;` or end with \
                 `commit slot.field = value;`",
            ));
        }
        Ok(Self { attrs, slow_path, vis, sig, section, tail })
    }
}

fn parse_body(body: ParseStream) -> syn::Result<(Vec<Statement>, TokenStream)> {
    let mut section = Vec::new();
    loop {
        if body.is_empty() {
            return Ok((section, TokenStream::new()));
        }
        if let Some(statement) = parse_store(body)? {
            let last = matches!(statement, Statement::Commit { .. });
            section.push(statement);
            if last {
                return Ok((section, parse_tail(body)?));
            }
            continue;
        }
        // Whether the section goes on: if a store follows, this statement must be of the subset.
        let more = keyword(&body.fork().parse::<TokenStream>()?).is_some();
        let stmt = if body.peek(Token![let]) {
            body.parse()?
        } else {
            refuse_nested_store(body)?;
            let expr = body.call(Expr::parse_with_earlier_boundary_rule)?;
            Stmt::Expr(expr, body.parse()?)
        };
        match stmt {
            Stmt::Local(local) => section.push(parse_let(local)?),
            Stmt::Expr(Expr::If(branch), _) if more || !body.is_empty() => section.push(parse_exit(branch)?),
            Stmt::Expr(Expr::Call(call), Some(_)) if is_path(&call.func, "copy") => {
                section.push(parse_copy(call)?);
            }
            Stmt::Expr(expr, None) if body.is_empty() => return Ok((section, expr.into_token_stream())),
            other => return Err(refuse(&other)),
        }
    }
}

/// Refuses a branch or loop with a store in its block, which no expression of Rust can have.
fn refuse_nested_store(body: ParseStream) -> syn::Result<()> {
    let why = if body.peek(Token![if]) {
        ONLY_BRANCH
    } else if body.peek(Token![for]) || body.peek(Token![while]) || body.peek(Token![loop]) {
        NO_LOOP
    } else if body.peek(Token![match]) {
        NO_MATCH
    } else if body.peek(Token![unsafe]) {
        NO_UNSAFE
    } else {
        return Ok(());
    };
    let mut statement = Vec::new();
    for tree in body.fork().parse::<TokenStream>()? {
        let block = match &tree {
            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => {
                Some(group.stream())
            }
            _ => None,
        };
        statement.push(tree);
        let Some(block) = block else { continue };
        if stores(&block) {
            return Err(syn::Error::new_spanned(TokenStream::from_iter(statement), why));
        }
        break;
    }
    Ok(())
}

/// Whether there is a `stage` or `commit` in a block or in one inside it.
fn stores(block: &TokenStream) -> bool {
    keyword(block).is_some()
        || block.clone().into_iter().any(|tree| match tree {
            TokenTree::Group(group) => stores(&group.stream()),
            _ => false,
        })
}

/// The rest of a body after the commit: ordinary Rust, in which no further store is allowed.
fn parse_tail(body: ParseStream) -> syn::Result<TokenStream> {
    let tail: TokenStream = body.parse()?;
    match keyword(&tail) {
        Some((name, span)) if name == "commit" => Err(syn::Error::new(
            span,
            "a sequence commits once: what must change together has to be one word, or be staged before \
             the commit that makes it visible",
        )),
        Some((_, span)) => {
            Err(syn::Error::new(span, "nothing can be stored after the commit: move this `stage` before it"))
        }
        None => Ok(tail),
    }
}

/// The first `stage` or `commit` that begins a statement at the top level of `tokens`.
fn keyword(tokens: &TokenStream) -> Option<(String, Span)> {
    let mut begins = true;
    let mut trees = tokens.clone().into_iter().peekable();
    while let Some(tree) = trees.next() {
        match &tree {
            TokenTree::Ident(ident) if begins => {
                let name = ident.to_string();
                let stores = match trees.peek() {
                    Some(TokenTree::Ident(_) | TokenTree::Group(_)) => true,
                    Some(TokenTree::Punct(punct)) => punct.as_char() == '*',
                    _ => false,
                };
                if stores && (name == "stage" || name == "commit") {
                    return Some((name, ident.span()));
                }
                begins = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => begins = true,
            TokenTree::Group(group) => begins = group.delimiter() == proc_macro2::Delimiter::Brace,
            _ => begins = false,
        }
    }
    None
}

/// `stage place = value;` or `commit[(order)] place = value;`, if the next statement is one.
fn parse_store(body: ParseStream) -> syn::Result<Option<Statement>> {
    if keyword_at(body).is_none() {
        return Ok(None);
    }
    let word: Ident = body.parse()?;
    let commit = word == "commit";
    let order = if commit { parse_order(body)? } else { CommitOrder::Is(Order::Relaxed) };
    let store: Expr = body.parse()?;
    let Expr::Assign(assign) = store else {
        let hint = match &store {
            Expr::Binary(binary) if is_compound(&binary.op) => {
                "write the sum out: load into a `let`, then store `place = value + n`"
            }
            _ => "write `place = value` after it",
        };
        return Err(syn::Error::new_spanned(store, format!("`{word}` needs a place and a value: {hint}")));
    };
    body.parse::<Token![;]>()?;
    let (place, value) = (*assign.left, *assign.right);
    Ok(Some(if commit {
        Statement::Commit { order, place, value }
    } else {
        Statement::Stage { place, value }
    }))
}

fn keyword_at(body: ParseStream) -> Option<()> {
    let fork = body.fork();
    let word: Ident = fork.parse().ok()?;
    if word != "stage" && word != "commit" {
        return None;
    }
    (fork.peek(Ident) || fork.peek(token::Paren) || fork.peek(Token![*]) || fork.peek(Token![self]))
        .then_some(())
}

/// `(relaxed)`, `(release)` or `(release if constant)`, if that is what follows.
fn parse_order(body: ParseStream) -> syn::Result<CommitOrder<Expr>> {
    const RELAXED: CommitOrder<Expr> = CommitOrder::Is(Order::Relaxed);
    if !body.peek(token::Paren) {
        return Ok(RELAXED);
    }
    let fork = body.fork();
    let Ok(TokenTree::Group(group)) = fork.parse::<TokenTree>() else { return Ok(RELAXED) };
    let mut inner = group.stream().into_iter();
    let Some(TokenTree::Ident(order)) = inner.next() else { return Ok(RELAXED) };
    let constant = match inner.next() {
        None => None,
        Some(TokenTree::Ident(word)) if word == "if" => Some(inner.collect::<TokenStream>()),
        Some(_) => return Ok(RELAXED),
    };
    // `commit (x).field = …` with a lone name in parentheses is followed by a dot, not by a place.
    if fork.peek(Token![.]) || fork.peek(Token![=]) {
        return Ok(RELAXED);
    }
    body.parse::<TokenTree>()?;
    match (order.to_string().as_str(), constant) {
        ("release", None) => Ok(CommitOrder::Is(Order::Release)),
        ("release", Some(constant)) => Ok(CommitOrder::ReleaseIf(syn::parse2(constant)?)),
        ("relaxed", None) => Ok(RELAXED),
        _ => Err(syn::Error::new(
            order.span(),
            "a commit is `commit(relaxed)` (the default), `commit(release)` or `commit(release if CONSTANT)`",
        )),
    }
}

fn parse_let(local: syn::Local) -> syn::Result<Statement> {
    let Pat::Type(typed) = &local.pat else {
        return Err(syn::Error::new_spanned(
            &local.pat,
            "give this value its type, as in `let next: *mut Node = …`: the section is compiled to \
             assembly before types are inferred",
        ));
    };
    let Pat::Ident(name) = &*typed.pat else {
        return Err(syn::Error::new_spanned(&typed.pat, "bind one name at a time in a sequence"));
    };
    if let Some(mutability) = &name.mutability {
        return Err(syn::Error::new_spanned(
            mutability,
            "a value in a sequence never changes: bind the new value to a new name",
        ));
    }
    if name.by_ref.is_some() || name.subpat.is_some() {
        return Err(syn::Error::new_spanned(name, "bind a plain name in a sequence"));
    }
    let Some(init) = &local.init else {
        return Err(syn::Error::new_spanned(&local, "a value in a sequence is bound where it is computed"));
    };
    if let Some((_, diverge)) = &init.diverge {
        return Err(syn::Error::new_spanned(
            diverge,
            "use `if condition { return value; }` to leave a sequence",
        ));
    }
    Ok(Statement::Let { name: name.ident.clone(), ty: (*typed.ty).clone(), init: (*init.expr).clone() })
}

fn parse_exit(branch: syn::ExprIf) -> syn::Result<Statement> {
    if let Some((_, other)) = &branch.else_branch {
        return Err(syn::Error::new_spanned(other, ONLY_BRANCH));
    }
    match branch.then_branch.stmts.as_slice() {
        [Stmt::Expr(Expr::Return(ret), _)] => {
            Ok(Statement::Exit { cond: *branch.cond, value: ret.expr.as_deref().cloned() })
        }
        _ => Err(syn::Error::new_spanned(&branch.then_branch, ONLY_BRANCH)),
    }
}

fn parse_copy(call: syn::ExprCall) -> syn::Result<Statement> {
    let span = call.span();
    let refusal =
        syn::Error::new_spanned(&call, "`copy` takes three arguments: `copy(dst, src, len)`, len in bytes");
    let args: [Expr; 3] = call.args.into_iter().collect::<Vec<_>>().try_into().map_err(|_| refusal)?;
    let [dst, src, len] = args;
    Ok(Statement::Copy { dst, src, len, span })
}

const ONLY_BRANCH: &str = "the only branch in a sequence is an exit: `if condition { return value; }`, without `else`; decide \
                           anything else before the sequence or after its commit";
const NO_LOOP: &str = "a sequence cannot loop: a section must be short and bounded; use `copy(dst, src, len)` for bytes, or one \
                       sequence for each step";
const NO_MATCH: &str =
    "a sequence cannot `match`: use `if condition { return value; }`, or decide after the commit";
const NO_UNSAFE: &str =
    "no `unsafe` block is needed in a sequence: mark the function `unsafe fn` if it follows raw pointers";

/// Why a statement cannot stand in a section.
fn refuse(stmt: &Stmt) -> syn::Error {
    let why = match stmt {
        Stmt::Expr(Expr::While(_) | Expr::ForLoop(_) | Expr::Loop(_), _) => NO_LOOP,
        Stmt::Expr(Expr::Call(_) | Expr::MethodCall(_), _) => {
            "a sequence cannot call: compute the value before and pass it as a parameter, or move the call \
             after the commit"
        }
        Stmt::Expr(Expr::Macro(_), _) => "a sequence cannot run a macro: move it after the commit",
        Stmt::Expr(Expr::Assign(_), _) => {
            "say what this store is: `stage place = value;` if nobody looks there before the commit, or `commit \
             place = value;` if it is the one that makes it happen"
        }
        Stmt::Expr(Expr::Binary(binary), _) if is_compound(&binary.op) => {
            "say what this store is, and write it out: `commit place = value + n;`"
        }
        Stmt::Expr(Expr::Match(_), _) => NO_MATCH,
        Stmt::Expr(Expr::Return(_), _) => {
            "leave a sequence with `if condition { return value; }`, or end it with an expression"
        }
        Stmt::Expr(Expr::Unsafe(_), _) => NO_UNSAFE,
        Stmt::Expr(Expr::If(_), _) => ONLY_BRANCH,
        Stmt::Expr(_, Some(_)) => {
            "this computes nothing that is kept: a sequence consists of `let`, `if … { return …; }`, `stage`, `copy` \
             and `commit`"
        }
        _ => {
            "a sequence consists of `let`, `if … { return …; }`, `stage`, `copy` and `commit`, then ordinary Rust"
        }
    };
    syn::Error::new_spanned(stmt, why)
}

fn is_compound(op: &syn::BinOp) -> bool {
    use syn::BinOp as B;
    matches!(
        op,
        B::AddAssign(_)
            | B::SubAssign(_)
            | B::MulAssign(_)
            | B::DivAssign(_)
            | B::RemAssign(_)
            | B::BitXorAssign(_)
            | B::BitAndAssign(_)
            | B::BitOrAssign(_)
            | B::ShlAssign(_)
            | B::ShrAssign(_)
    )
}

/// Whether `expr` is the plain path `name`.
pub(crate) fn is_path(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Path(path) if path.path.is_ident(name))
}
