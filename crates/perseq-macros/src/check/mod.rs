//! Statements to IR: names, types, places and the rule about `unsafe`.
//!
//! | module | what it holds |
//! |---|---|
//! | this | statements, ways out, and the names of a sequence |
//! | [`values`] | expressions |
//! | [`places`] | what is loaded and stored |
//!
//! Invariant: a sequence that passes reads and writes nothing but its slot, unless it is an `unsafe fn`; where it writes
//! that or asks for its number is noted, as data that all CPUs share allows neither; every value has a type that is known here; every index into an array is checked against its length.

mod places;
mod values;

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprBinary, FnArg, Ident, Pat, Type};

use crate::ir::{CommitOrder, Const, Exit, Inst, Operand, Param, ParamInfo, Sequence, Value, ValueInfo};
use crate::parse::{Source, Statement};
use crate::types::Ty;

pub(crate) use values::is_null;

/// Exits are numbered below `perseq::section::REFUSED`.
const MAX_EXITS: usize = 200;

pub(crate) fn check(source: &Source) -> syn::Result<Sequence> {
    let mut checker = Checker::new(source)?;
    for statement in &source.section {
        checker.statement(statement)?;
    }
    if checker.sequence.exits.len() > MAX_EXITS {
        return Err(syn::Error::new(
            source.sig.ident.span(),
            format!(
                "this sequence has more than {MAX_EXITS} ways out (returns and computed indices): split it"
            ),
        ));
    }
    let live = checker.live_in(&source.tail);
    checker.sequence.exits[0] = Exit { live, then: source.tail.clone() };
    Ok(checker.sequence)
}

/// The parameter that holds the slots: the first, a reference.
pub(crate) fn slots_param(source: &Source) -> syn::Result<(&Ident, &Type)> {
    const SHAPE: &str = "the first parameter of a sequence is the data it works on: `slots: &PerCpu<T>`";
    let Some(first) = source.sig.inputs.first() else {
        return Err(syn::Error::new(source.sig.ident.span(), SHAPE));
    };
    let FnArg::Typed(arg) = first else {
        return Err(syn::Error::new_spanned(
            first,
            format!("{SHAPE}; a method calls a sequence, it is not one"),
        ));
    };
    match (&*arg.pat, &*arg.ty) {
        (Pat::Ident(name), Type::Reference(reference)) if reference.mutability.is_none() => {
            Ok((&name.ident, &reference.elem))
        }
        (Pat::Ident(_), Type::Reference(reference)) => Err(syn::Error::new_spanned(
            reference,
            "take the slots by `&`: every thread shares them, and a sequence needs no `&mut`",
        )),
        _ => Err(syn::Error::new_spanned(arg, SHAPE)),
    }
}

/// What a name stands for inside the section.
enum Name {
    Slots,
    Value(Value),
    /// A parameter whose type fits in a register; passed to the section on its first use.
    Param(Box<Ty>),
    /// A parameter that the section cannot use.
    Opaque,
}

struct Checker<'a> {
    source: &'a Source,
    slots_type: &'a Type,
    names: HashMap<Ident, Name>,
    params: HashMap<Ident, Param>,
    /// Addresses of places with an index that is a name, by their text and type.
    addresses: HashMap<(String, String), Value>,
    sequence: Sequence,
}

impl<'a> Checker<'a> {
    fn new(source: &'a Source) -> syn::Result<Self> {
        let (slots, slots_type) = slots_param(source)?;
        reserved(slots)?;
        let mut names = HashMap::from([(slots.clone(), Name::Slots)]);
        for input in source.sig.inputs.iter().skip(1) {
            let FnArg::Typed(arg) = input else { continue };
            let Pat::Ident(name) = &*arg.pat else {
                return Err(syn::Error::new_spanned(
                    &arg.pat,
                    "give the parameters of a sequence plain names",
                ));
            };
            if let Type::Reference(reference) = &*arg.ty
                && names_percpu(&reference.elem)
            {
                return Err(syn::Error::new_spanned(
                    arg,
                    "a sequence works on one slot: put what must change together into one `PerCpu<T>`",
                ));
            }
            reserved(&name.ident)?;
            let kind = Ty::word(&arg.ty).map_or(Name::Opaque, |ty| Name::Param(Box::new(ty)));
            names.insert(name.ident.clone(), kind);
        }
        let exits = vec![Exit { live: Vec::new(), then: TokenStream::new() }];
        let sequence = Sequence {
            slots: slots_type.clone(),
            params: Vec::new(),
            values: Vec::new(),
            consts: Vec::new(),
            body: Vec::new(),
            exits,
            returns: Vec::new(),
            per_cpu: Vec::new(),
        };
        Ok(Self { source, slots_type, names, params: HashMap::new(), addresses: HashMap::new(), sequence })
    }

    fn statement(&mut self, statement: &Statement) -> syn::Result<()> {
        match statement {
            Statement::Let { name, ty, init } => {
                let ty = Ty::from_syn(ty)?;
                reserved(name)?;
                if self.names.contains_key(name) {
                    return Err(syn::Error::new_spanned(
                        name,
                        "this name is taken: a sequence does not shadow",
                    ));
                }
                let value = self.bind(init, &ty)?;
                self.sequence.values[value.0].name = Some(name.clone());
                self.names.insert(name.clone(), Name::Value(value));
            }
            Statement::Exit { cond, value } => {
                let then = value.as_ref().map(ToTokens::to_token_stream).unwrap_or_default();
                let live = self.live_in(&then);
                let exit = self.exit(live, quote!(return #then;));
                self.sequence.returns.push(exit);
                self.exit_if(cond, exit)?;
            }
            Statement::Stage { place, value } => {
                let (place, value, ty) = self.store(place, value)?;
                self.sequence.body.push(Inst::Stage { place, value, ty });
            }
            Statement::Commit { order, place, value } => {
                let (place, value, ty) = self.store(place, value)?;
                let order = self.order(order)?;
                self.sequence.body.push(Inst::Commit { place, value, ty, order });
            }
            Statement::Copy { dst, src, len, span } => {
                self.require_unsafe(*span, "`copy` follows raw pointers")?;
                let dst = self.pointer(dst)?;
                let src = self.pointer(src)?;
                let len = self.operand(len, &Ty::named("usize"))?;
                self.sequence.body.push(Inst::Copy { dst, src, len });
            }
        }
        Ok(())
    }

    fn order(&mut self, order: &CommitOrder<Expr>) -> syn::Result<CommitOrder<usize>> {
        let constant = match order {
            CommitOrder::Is(order) => return Ok(CommitOrder::Is(*order)),
            CommitOrder::ReleaseIf(constant) => constant,
        };
        if self.is_known(constant) {
            return Err(syn::Error::new_spanned(
                constant,
                "the order of a commit is compiled into it: this must be a constant, a const parameter for instance",
            ));
        }
        let tokens = quote_spanned! {constant.span()=> {
            let release: ::core::primitive::bool = #constant;
            release as ::core::primitive::u8
        }};
        Ok(CommitOrder::ReleaseIf(self.constant_of(tokens, format!("1 if {}", plain(constant)))))
    }

    /// Leaves through `exit` if `cond` holds. The right side of an outermost `||` is computed only if the left does not hold.
    fn exit_if(&mut self, cond: &Expr, exit: usize) -> syn::Result<()> {
        match cond {
            Expr::Paren(inner) => self.exit_if(&inner.expr, exit),
            Expr::Binary(ExprBinary { left, op: syn::BinOp::Or(_), right, .. }) => {
                self.exit_if(left, exit)?;
                self.exit_if(right, exit)
            }
            _ => {
                let cond = self.condition(cond)?;
                self.sequence.body.push(Inst::ExitIf { cond, exit });
                Ok(())
            }
        }
    }

    fn require_unsafe(&self, span: Span, why: &str) -> syn::Result<()> {
        if self.source.sig.unsafety.is_some() {
            return Ok(());
        }
        Err(syn::Error::new(
            span,
            format!("{why}, so it must be an `unsafe fn` that says in `# Safety` what its callers promise"),
        ))
    }

    fn value(&mut self, ty: &Ty) -> Value {
        self.sequence.values.push(ValueInfo { ty: ty.clone(), name: None });
        Value(self.sequence.values.len() - 1)
    }

    fn param(&mut self, name: &Ident) -> Operand {
        let Some(Name::Param(ty)) = self.names.get(name) else { unreachable!("only parameters get here") };
        let params = &mut self.sequence.params;
        let param = *self.params.entry(name.clone()).or_insert_with(|| {
            params.push(ParamInfo { name: name.clone(), ty: (**ty).clone() });
            Param(params.len() - 1)
        });
        Operand::Param(param)
    }

    fn constant(&mut self, expr: &Expr, ty: &Ty) -> Operand {
        let rust = &ty.rust;
        let wide = if ty.signed { quote!(::core::primitive::i64) } else { quote!(::core::primitive::u64) };
        let tokens = quote_spanned!(expr.span()=> { let constant: #rust = #expr; constant as #wide });
        Operand::Const(self.constant_of(tokens, plain(expr)))
    }

    fn constant_of(&mut self, tokens: TokenStream, about: String) -> usize {
        self.sequence.consts.push(Const { tokens, about });
        self.sequence.consts.len() - 1
    }

    fn exit(&mut self, live: Vec<Value>, then: TokenStream) -> usize {
        self.sequence.exits.push(Exit { live, then });
        self.sequence.exits.len() - 1
    }

    /// The values of the section whose names occur in `tokens`.
    fn live_in(&self, tokens: &TokenStream) -> Vec<Value> {
        fn visit(tokens: TokenStream, names: &HashMap<Ident, Name>, live: &mut Vec<Value>) {
            for tree in tokens {
                match tree {
                    TokenTree::Ident(ident) => {
                        if let Some(Name::Value(value)) = names.get(&ident) {
                            live.push(*value);
                        }
                    }
                    TokenTree::Group(group) => visit(group.stream(), names, live),
                    // `{name}` in a format string; a name too many does no harm.
                    TokenTree::Literal(literal) => {
                        let text = literal.to_string();
                        for part in text.split('{').skip(1) {
                            let name = part.split(|c: char| c != '_' && !c.is_alphanumeric()).next();
                            let name = name.and_then(|name| syn::parse_str::<Ident>(name).ok());
                            if let Some(Name::Value(value)) = name.and_then(|name| names.get(&name)) {
                                live.push(*value);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut live = Vec::new();
        visit(tokens.clone(), &self.names, &mut live);
        live.sort_unstable();
        live.dedup();
        live
    }
}

/// An expression in one line, for people.
fn plain(expr: &Expr) -> String {
    expr.to_token_stream().to_string().replace(" . ", ".").replace("* ", "*")
}

/// Names that the expansion uses for itself.
fn reserved(name: &Ident) -> syn::Result<()> {
    if name.to_string().starts_with("__") {
        return Err(syn::Error::new_spanned(
            name,
            "names that begin with `__` belong to the macro: choose another",
        ));
    }
    Ok(())
}

fn names_percpu(ty: &Type) -> bool {
    matches!(ty, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "PerCpu" || last.ident == "PerCid"))
}
