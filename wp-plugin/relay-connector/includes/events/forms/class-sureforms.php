<?php
/**
 * SureForms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * The hook passes the values by short names only, so the stored entry is read: its keys contain the type and the label
 * of each field. A form that does not store its entries has no entry id and is not sent.
 */
final class Sureforms extends Added_Form_Plugin {

	const POST_TYPE = 'sureforms_form';
	const LABEL     = '-lbl-';
	const JOINED_BY = ' | ';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'sureforms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'SureForms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'SRFM_VER' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'srfm_form_submit', array( $this, 'on_submit' ), 20, 1 );
	}

	/**
	 * An entry was stored (Form_Submit::handle_form_entry() in inc/form-submit.php).
	 *
	 * @param array $response With form_id, entry_id and form_name.
	 */
	public function on_submit( $response = array() ) {
		$this->record_entry(
			function () use ( $response ) {
				if ( empty( $response['form_id'] ) || empty( $response['entry_id'] ) || ! is_callable( array( '\SRFM\Inc\Database\Tables\Entries', 'get' ) ) ) {
					return null;
				}
				$stored = \SRFM\Inc\Database\Tables\Entries::get( (int) $response['entry_id'] );
				$entry  = new Form_Entry( $response['form_id'], get_the_title( (int) $response['form_id'] ), (int) $response['entry_id'] );
				$known  = array();
				foreach ( $this->fields( $response['form_id'] ) as $field ) {
					$known[ $field->key ] = $field;
				}
				foreach ( isset( $stored['form_data'] ) ? (array) $stored['form_data'] : array() as $name => $value ) {
					$field = $this->read( (string) $name, $value );
					if ( $field ) {
						$entry->fields[] = $field;
						unset( $known[ $field->key ] );
					}
				}
				// An unchecked box is not among the values.
				foreach ( $known as $field ) {
					if ( Field_Types::is_consent( $field->type ) ) {
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		return $this->titles_of_posts( self::POST_TYPE );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$post   = get_post( (int) $form_id );
		$fields = array();
		$search = $post ? parse_blocks( $post->post_content ) : array();
		while ( $search ) {
			$block  = array_shift( $search );
			$search = array_merge( isset( $block['innerBlocks'] ) ? $block['innerBlocks'] : array(), $search );
			if ( 0 === strpos( (string) $block['blockName'], 'srfm/' ) && isset( $block['attrs']['block_id'] ) ) {
				$type     = substr( $block['blockName'], strlen( 'srfm/' ) );
				$fields[] = $this->field( (string) $block['attrs']['block_id'], $type, isset( $block['attrs']['label'] ) ? (string) $block['attrs']['label'] : '', isset( $block['attrs']['slug'] ) ? (string) $block['attrs']['slug'] : '' );
			}
		}
		return $fields;
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=sureforms_entries#/entry/' . (int) $entry_id );
	}

	/**
	 * A field of an entry. Its name is "srfm-TYPE-BLOCK-lbl-LABEL-SLUG", with the label in base64, and its value is encoded
	 * for HTML, in lists for URLs (Form_Submit::process_form_fields() and Helper::encrypt() in inc/helper.php).
	 *
	 * @param string $name  The name.
	 * @param mixed  $value The value.
	 * @return Form_Field|null
	 */
	private function read( $name, $value ) {
		$parts = explode( self::LABEL, $name, 2 );
		$about = array();
		if ( 2 !== count( $parts ) || 1 !== preg_match( '/^srfm-(?:input-(?=multi))?(.+)-([^-]+)$/', $parts[0], $about ) ) {
			return null;
		}
		list( $encoded, $slug ) = array_pad( explode( '-', $parts[1], 2 ), 2, '' );
		$label = base64_decode( $encoded, true ); // safe: SureForms encodes labels like this.
		$field = $this->field( $about[2], $about[1], is_string( $label ) ? $label : '', $slug );
		if ( is_array( $value ) ) {
			$field->value = array_map( 'rawurldecode', array_filter( $value, 'is_string' ) );
		} else {
			$value         = Plain_Text::from_escaped( $value, $field->format );
			$field->value  = Field_Types::CHOICES === $field->kind ? explode( self::JOINED_BY, $value ) : $value;
			$field->format = Plain_Text::TYPED;
		}
		return $field;
	}

	/**
	 * A field without its value.
	 *
	 * @param string $key   The id of its block.
	 * @param string $type  The type.
	 * @param string $label The label.
	 * @param string $slug  The short name.
	 * @return Form_Field
	 */
	private function field( $key, $type, $label, $slug ) {
		$field         = new Form_Field( $key, $label, $type );
		$field->format = 'textarea' === $type ? Plain_Text::HTML : Plain_Text::SANITIZED;
		if ( 'checkbox' === $type ) {
			$field->kind = Field_Types::CHOICE;
		} elseif ( 'input' === $type ) {
			$field->kind = Field_Types::kind( 'text', $slug );
		} elseif ( in_array( $type, array( 'dropdown', 'multi-choice' ), true ) ) {
			$field->kind = Field_Types::CHOICES;
		}
		return $field;
	}
}
