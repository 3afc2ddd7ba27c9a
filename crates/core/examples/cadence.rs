//! x
use tidegate_core::cadence::{*, simulate::*, traces::*};
fn main(){
    let args: Vec<String> = std::env::args().collect();
    let names: Vec<String> = if args.get(1).is_some_and(|a| a=="held") { held_traces::HELD.iter().map(|s|s.to_string()).collect() } else if args.len()>1 && args[1]!="all" { args[1].split(',').map(str::to_string).collect() } else { STUDY.iter().map(|s|s.to_string()).collect() };
    let seeds: u64 = args.get(2).map_or(1, |s| s.parse().unwrap());
    let mut gm=[0.0f64;3]; let mut cnt=0.0;
    for n in &names {
        print!("{n:9}");
        for level in 0..3u8 {
            let mut worst=f64::MAX; let mut first=None; let mut logsum=0.0;
            for seed in 1..=seeds {
                let Some(tr)=Trace::named(n,seed) else {continue};
                let spec=CadenceSpec{min: jiff::SignedDuration::from_secs(30),..Default::default()};
                let m=simulate(&tr,Policy::Tide(Box::new({let mut s=State::new(7+seed); if let Some(w)=args.get(3) { for x in w.split(',') { s.weights.silence(x);} } s})),level,&Options{spec,..Default::default()});
                worst=worst.min(m.gain); logsum+=m.gain.ln(); if first.is_none(){first=Some(m);}
            }
            if let Some(m)=first { gm[level as usize]+=logsum/seeds as f64; 
            print!(" | g {:5.2} (min {:5.2}) ppc {:4.2} cap {:.2} d {:5.0} p95 {:5.0}",(logsum/seeds as f64).exp(),worst,m.polls_per_change,m.capture,m.delay_mean,m.delay_p95); }
        }
        cnt+=1.0; println!();
    }
    println!("gm {:?}", gm.map(|g:f64| (g/cnt).exp()));
}
