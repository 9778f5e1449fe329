use fleet::*; use fleet::calls::Api; use fleet::outcome::Quota;
fn main(){
  let n: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
  for api in [Api::V1, Api::V3] { for start in [Start::SameDay, Start::EveryDay, Start::Spread, Start::Now{pace:50.0}, Start::Now{pace: if api==Api::V1 {0.24} else {12.0}}] {
    let t=std::time::Instant::now();
    let o=simulate(&Fleet{instances:n,api,start,imported:false},&Parameters::documented(),7,&mut |_|());
    println!("{n} {} {start:?}: done {} failed {} attempts {} revoked {} gaveup {} peak {} rotated {:.2}h revoked {:.2}h waits {:?} 429 {} bott {:?} fullest {:?} {:.2} conc {} gbs {:.0} inv {} cold {} in {:?}", api.name(), o.done,o.failed,o.attempts,o.revoked,o.given_up,o.peak_backlog,o.rotated_after as f64/3.6e9,o.revoked_after as f64/3.6e9,o.waits.map(|w| w/1_000_000), o.refused[Quota::Heroku.index()], o.bottleneck(), o.fullest(), o.used[o.fullest().index()], o.peak_concurrency,o.gb_seconds,o.invocations,o.cold,t.elapsed());
    println!("   refused {:?}", o.refused);
  }}
}
