import { randomFrom } from './random.ts'

/* Texts of many kinds, for estimates of tokens. Prose is written for the tests; the rest is generated. */

export const prose: Readonly<Record<string, string>> = {
  english: `The river had risen during the night, and by the time the ferry captain arrived at the landing the lower steps were already under water. He looked at the sky for a while, then at his watch, and decided to wait for the mail. Two merchants with heavy baskets sat down beside the wall and began to argue about the price of salt, which had doubled since the autumn. Nobody asked when the boat would leave. It would leave when it left, as it always had.`,
  spanish: `El pueblo despertó con el ruido de las campanas, aunque todavía faltaba una hora para que saliera el sol. La panadera abrió la ventana y preguntó a su vecino qué ocurría, pero él tampoco lo sabía. Al cabo de unos minutos la plaza estaba llena de gente que hablaba al mismo tiempo. Alguien dijo que el puente se había caído durante la tormenta y que el camino hacia la ciudad quedaría cerrado por lo menos una semana.`,
  french: `Depuis le début de l'hiver, la bibliothèque fermait plus tôt et les étudiants se retrouvaient dans le petit café de la rue voisine. Le patron, qui n'aimait pas beaucoup le silence, leur racontait chaque soir la même histoire : celle d'un marin parti chercher fortune de l'autre côté de la mer et revenu vingt ans plus tard avec une seule valise, pleine de lettres qu'il n'avait jamais envoyées.`,
  german: `Als der Zug endlich einfuhr, standen nur noch wenige Menschen auf dem Bahnsteig. Die meisten hatten die Geduld verloren und waren zu Fuß nach Hause gegangen, obwohl es seit dem Nachmittag ununterbrochen regnete. Der Schaffner entschuldigte sich höflich für die Verspätung und erklärte, dass ein umgestürzter Baum die Strecke zwischen den beiden Städten mehrere Stunden lang versperrt habe.`,
  italian: `La mattina del mercato il paese si riempiva di voci e di colori. I contadini arrivavano prima dell'alba con i carri pieni di frutta, mentre le donne preparavano il caffè e discutevano della festa che si sarebbe tenuta la domenica successiva. Solo il vecchio orologiaio restava seduto davanti alla bottega, come se aspettasse qualcuno che non sarebbe mai venuto.`,
  portuguese: `Naquela tarde o mar estava tão calmo que os pescadores resolveram sair mais cedo do que de costume. As crianças corriam pela areia e procuravam conchas, enquanto os avós conversavam à sombra das árvores sobre os tempos em que não havia estrada e tudo chegava de barco. Ninguém imaginava que o vento mudaria de direção antes do anoitecer.`,
  polish: `Kiedy wróciliśmy do domu, okazało się, że ktoś zostawił pod drzwiami dużą paczkę bez adresu nadawcy. Przez chwilę zastanawialiśmy się, czy powinniśmy ją otworzyć, ale ciekawość zwyciężyła. W środku znajdowały się stare fotografie, kilka listów związanych wstążką oraz zegarek, który mimo upływu lat wciąż chodził i pokazywał właściwą godzinę.`,
  turkish: `Sabah erkenden yola çıktık ve öğleye doğru köyün girişindeki çeşmenin başında durduk. Hava sıcaktı, ama dağlardan gelen rüzgâr yüzümüzü serinletiyordu. Yaşlı bir adam bize çay ikram etti ve gençliğinde bu yolu yürüyerek geçtiğini anlattı. O zamanlar ne araba ne de elektrik varmış; insanlar birbirlerine daha çok güvenirlermiş.`,
  vietnamese: `Buổi sáng hôm ấy trời se lạnh, sương mù phủ kín cả cánh đồng và con đường làng. Bà tôi dậy sớm nấu một nồi cháo lớn, rồi gọi mọi người trong nhà cùng ngồi quanh bếp lửa. Bà kể rằng ngày xưa, mỗi khi mùa đông đến, cả làng lại góp củi để giữ ấm cho những gia đình nghèo nhất. Chúng tôi lắng nghe và quên cả giờ đi học.`,
  russian: `Поздно вечером в дверь постучали, и хозяин, не спрашивая, кто там, отодвинул засов. На пороге стоял молодой человек в мокром пальто, с небольшим чемоданом в руке. Он извинился за поздний визит и объяснил, что сбился с дороги, когда начался снегопад. Его пригласили к столу, налили горячего чая и до полуночи расспрашивали о новостях из города.`,
  ukrainian: `Навесні річка розлилася так широко, що дорога до сусіднього села зникла під водою. Діти дивилися на це як на свято, бо до школи можна було дістатися лише човном. Учителька щодня чекала їх на березі з ліхтарем у руках і рахувала, чи всі повернулися додому. Увечері в хатах пахло свіжим хлібом і димом.`,
  greek: `Το μικρό νησί ξυπνούσε αργά, γιατί κανένα πλοίο δεν έφτανε πριν από το μεσημέρι. Οι ψαράδες έραβαν τα δίχτυα τους στη σκιά και συζητούσαν για τον καιρό, ενώ οι γυναίκες άπλωναν τα ρούχα στις αυλές. Ένας ξένος ρώτησε πού βρίσκεται το παλιό μοναστήρι και όλοι του έδειξαν διαφορετικό δρόμο, γελώντας.`,
  arabic: `في صباح ذلك اليوم خرج الناس إلى السوق مبكرين لأن القافلة القادمة من الجنوب كانت قد وصلت في الليل. جلس التاجر العجوز أمام دكانه يعرض الأقمشة والتوابل ويحكي لمن يسأله عن الطريق الطويل عبر الصحراء. قال إن الريح غيرت مكان الكثبان وإن الدليل لم يعرف الطريق إلا بالنجوم.`,
  hebrew: `בשעת בוקר מוקדמת יצאו הילדים אל השדה כדי לאסוף את הפירות שנשרו בלילה. הרוח הייתה חזקה מאוד, ורבים מן העצים נשברו. הסבא סיפר להם שפעם, לפני שנים רבות, עמד כאן יער גדול, ושאנשים באו מרחוק כדי לנוח בצל העצים ולשתות מן המעיין הקר.`,
  hindi: `सुबह की पहली किरण के साथ ही गाँव के लोग खेतों की ओर निकल पड़े। पिछली रात अच्छी बारिश हुई थी और मिट्टी की सुगंध चारों ओर फैल रही थी। बूढ़े किसान ने अपने पोते को बताया कि जब वह छोटा था तब इस रास्ते पर केवल बैलगाड़ियाँ चलती थीं और शहर तक पहुँचने में पूरा दिन लग जाता था।`,
  thai: `เช้าวันนั้นชาวบ้านตื่นขึ้นมาพบว่าน้ำในแม่น้ำลดลงมากกว่าทุกปี เด็กๆ วิ่งลงไปเล่นบนหาดทรายที่ไม่เคยเห็นมาก่อน ส่วนผู้ใหญ่นั่งคุยกันใต้ต้นไม้ใหญ่ถึงเรื่องฝนที่ยังไม่ตก หลวงพ่อบอกว่าให้ทุกคนช่วยกันขุดบ่อน้ำใหม่ก่อนจะถึงฤดูแล้ง`,
  chinese: `那天清晨，镇上的人们发现河水一夜之间涨了许多，连老桥的石阶也看不见了。船夫站在岸边，望着灰色的天空，迟迟不肯开船。几个商人围坐在茶馆里，谈论着今年的米价和远方传来的消息。孩子们却很高兴，因为学校放了假，他们可以整天在雨里奔跑。到了傍晚，云终于散开，远处的山重新露出了轮廓。`,
  japanese: `その朝、村の人々はいつもより早く目を覚ました。夜のうちに雪が積もり、道も畑も真っ白になっていたからである。子どもたちは歓声を上げながら外へ飛び出し、大きな雪だるまを作り始めた。年老いた教師は窓からその様子を眺め、自分が子どもだったころの冬を思い出していた。駅へ向かうバスは、昼まで来なかった。`,
  korean: `그날 아침 마을 사람들은 평소보다 일찍 일어나 강가로 모였다. 밤새 내린 비 때문에 다리가 무너졌다는 소식이 전해졌기 때문이다. 노인들은 예전에도 이런 일이 있었다고 말하며 젊은이들에게 배를 준비하라고 했다. 아이들은 학교에 가지 않아도 된다는 말에 기뻐하며 언덕 위로 뛰어 올라갔다.`,
}

const WORDS =
  'order total item price user name time level path status region count value index cache token limit error'.split(' ')

/** Code, data and logs; each text has about `size` characters. */
export function generated(size: number, seed = 1): Readonly<Record<string, string>> {
  const below = randomFrom(seed)
  const word = () => WORDS[below(WORDS.length)] ?? ''
  const Word = () => word().replace(/^./, (letter) => letter.toUpperCase())
  const hex = (length: number) => Array.from({ length }, () => below(16).toString(16)).join('')
  const fill = (line: () => string) => {
    let text = ''
    while (text.length < size) text += line()
    return text
  }
  return {
    typescript: fill(
      () =>
        `export function ${word()}${Word()}(${word()}: number, ${word()}: string): boolean {\n  const ${word()} = this.#${word()}.get(${word()})\n  if (!${word()} || ${word()}.${word()} > ${below(100)}) return false\n  return ${word()}.${word()}${Word()}(${word()}, { ${word()}: true })\n}\n\n`,
    ),
    python: fill(
      () =>
        `def ${word()}_${word()}(self, ${word()}, ${word()}=None):\n    """Return the ${word()} of a ${word()}."""\n    for ${word()} in self.${word()}s:\n        if ${word()} is not None and ${word()} >= ${below(50)}:\n            yield ${word()}["${word()}"]\n\n`,
    ),
    json: `[${fill(
      () =>
        `{"id":${below(1_000_000)},"${word()}":"${word()} ${word()}","${word()}":${below(10_000) / 100},"active":${below(2) === 1},"tags":["${word()}","${word()}"]},`,
    )}{}]`,
    csv: `id,date,${word()},${word()},amount\n${fill(
      () => `${below(100_000)},2026-0${1 + below(9)}-1${below(9)},${below(1000)},${word()},${below(1_000_000) / 100}\n`,
    )}`,
    base64: Buffer.from(Array.from({ length: Math.floor((size * 3) / 4) }, () => below(256))).toString('base64'),
    uuids: fill(() => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}\n`),
    markdown: fill(
      () =>
        `## ${Word()} ${word()}\n\n- **${word()}**: the ${word()} of each ${word()}, see [${word()}](https://example.com/${word()})\n- \`${word()}\` is ${below(100)} % of the ${word()}\n\n`,
    ),
  }
}
